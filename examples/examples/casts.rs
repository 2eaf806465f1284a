//! One object under several interfaces: what a reference grants, what its holder may ask for, what is kept for those who are given it.
//!
//! `cargo run --example casts`

use netref::{AnyRemote, ErrorKind, Node, Object, Remote, Result, remote};

#[remote]
pub trait Device {
    async fn name(&self) -> Result<String>;
}

/// Whoever has a camera has a device.
#[remote]
pub trait Camera: Device {
    async fn shoot(&mut self) -> Result<u64>;
}

/// Offered to whoever has the camera.
#[remote]
pub trait Zoom {
    async fn zoom(&mut self, factor: u32) -> Result<()>;
    async fn factor(&self) -> Result<u32>;
}

/// Offered to nobody: it is for those who are given it.
#[remote]
pub trait Maintenance {
    async fn reset(&mut self) -> Result<u64>;
}

/// Where one is given it.
#[remote]
pub trait Desk {
    async fn key(&self, code: u32) -> Result<Option<Remote<dyn Maintenance>>>;
    /// Lends a device to somebody who is to see no more of it than that.
    async fn inspect(&self, device: Remote<dyn Device>) -> Result<String>;
}

struct MyCamera {
    pictures: u64,
    factor: u32,
}

impl Device for MyCamera {
    async fn name(&self) -> Result<String> {
        Ok("a camera".to_owned())
    }
}

impl Camera for MyCamera {
    async fn shoot(&mut self) -> Result<u64> {
        self.pictures += 1;
        Ok(self.pictures)
    }
}

impl Zoom for MyCamera {
    async fn zoom(&mut self, factor: u32) -> Result<()> {
        self.factor = factor;
        Ok(())
    }
    async fn factor(&self) -> Result<u32> {
        Ok(self.factor)
    }
}

impl Maintenance for MyCamera {
    async fn reset(&mut self) -> Result<u64> {
        Ok(std::mem::take(&mut self.pictures))
    }
}

struct MyDesk {
    camera: Object<MyCamera>,
}

impl Desk for MyDesk {
    async fn key(&self, code: u32) -> Result<Option<Remote<dyn Maintenance>>> {
        Ok((code == 1234).then(|| self.camera.as_remote()))
    }
    async fn inspect(&self, device: Remote<dyn Device>) -> Result<String> {
        device.name().await
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let camera = Object::new(MyCamera { pictures: 0, factor: 1 }).with_interface::<dyn Zoom>();
    let studio = Node::builder()
        .listen("tcp://127.0.0.1:0")
        .publish("camera", camera.as_remote::<dyn Camera>())
        .publish("desk", Remote::<dyn Desk>::new(MyDesk { camera }))
        .start()
        .await?;
    let address = studio.addresses()[0].clone();
    let visitor = Node::builder().start().await?;

    let mut camera: Remote<dyn Camera> = visitor.connect(&format!("{address}/camera")).await?;
    println!("{} takes picture {}", camera.name().await?, camera.shoot().await?);

    let mut zoom = Remote::cast::<dyn Zoom>(&camera).await?; // its host is asked, and offers it
    zoom.zoom(3).await?;
    assert_eq!(Remote::key(&zoom), Remote::key(&camera)); // it is the same object
    println!("the same camera zooms to {}", zoom.factor().await?);

    // One that is there and not offered is refused as one that is not there.
    let refused = Remote::cast::<dyn Maintenance>(&camera).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NoSuchInterface);
    println!("maintenance is refused to a visitor");

    let desk: Remote<dyn Desk> = visitor.connect(&format!("{address}/desk")).await?;
    assert!(desk.key(1).await?.is_none());
    let mut maintenance = desk.key(1234).await?.expect("the right code");
    println!("whoever is given it resets the camera after {} picture", maintenance.reset().await?);
    println!("and takes picture {} again", camera.shoot().await?);

    // A reference without a type is cast too. This one grants a device and no camera, whoever gets it.
    let any: AnyRemote = Remote::into_any(camera);
    let device: Remote<dyn Device> = any.cast().await?;
    assert_eq!(Remote::cast::<dyn Camera>(&device).await.unwrap_err().kind(), ErrorKind::NoSuchInterface);
    println!("the desk sees {}, which takes no pictures for it", desk.inspect(device).await?);
    Ok(())
}
