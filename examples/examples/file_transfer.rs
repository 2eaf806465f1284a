//! A file is fetched from another node with a progress bar. The connection is cut on the way, so what has arrived is kept, and the transfer
//! goes on from there: a stream that broke off is an error and never looks like the end of the file.
//!
//! `cargo run --example file_transfer`

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use netref::stream::{self, ByteReader};
use netref::{Error, ErrorKind, Node, Outcome, Remote, Result, remote};
use serde::{Deserialize, Serialize};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

#[derive(Debug, Serialize, Deserialize)]
pub struct Part {
    /// How long the whole file is.
    size: u64,
    /// Its bytes, from where they were asked for.
    bytes: ByteReader,
}

#[remote]
pub trait Files {
    async fn fetch(&self, name: &str, from: u64) -> Result<Part>;
}

struct Folder(PathBuf);

fn unreadable(error: &io::Error) -> Error {
    Error::new(ErrorKind::NoSuchObject, Outcome::Ran, format!("the file cannot be read: {error}"))
}

// begin: serve
impl Files for Folder {
    async fn fetch(&self, name: &str, from: u64) -> Result<Part> {
        let plain = Path::new(name).file_name().unwrap_or_default();
        let mut file = File::open(self.0.join(plain)).await.map_err(|error| unreadable(&error))?;
        let size = file.metadata().await.map_err(|error| unreadable(&error))?.len();
        file.seek(io::SeekFrom::Start(from)).await.map_err(|error| unreadable(&error))?;
        let (mut writer, bytes) = stream::bytes();
        tokio::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                match file.read(&mut buffer).await? {
                    // Only this makes it the end of the file over there.
                    0 => return writer.shutdown().await,
                    count => writer.write_all(&buffer[..count]).await?,
                }
            }
        });
        Ok(Part { size, bytes })
    }
}
// end: serve

/// Fetches what is missing of a file. An error leaves what has arrived in place.
async fn fetch(url: &str, name: &str, to: &Path, cut_at: Option<u64>) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    let node = Node::builder().start().await?;
    let files: Remote<dyn Files> = node.connect(url).await?;
    let mut file = OpenOptions::new().create(true).append(true).open(to).await?;
    let mut done = file.metadata().await?.len();
    let Part { size, mut bytes } = files.fetch(name, done).await?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = match bytes.read(&mut buffer).await {
            Ok(count) => count,
            // The file writes behind our back: what has arrived is kept only when that is done.
            Err(broken) => {
                file.flush().await?;
                return Err(broken.into());
            }
        };
        if count == 0 {
            break;
        }
        file.write_all(&buffer[..count]).await?;
        done += count as u64;
        show(done, size);
        if cut_at.is_some_and(|cut_at| done >= cut_at) {
            // As if somebody pulled the plug.
            node.sessions().iter().for_each(netref::Session::close);
        }
    }
    file.flush().await?;
    println!();
    Ok(done)
}

/// The bar, drawn anew in its line at each percent.
fn show(done: u64, size: u64) {
    let filled = (done * 40 / size.max(1)) as usize;
    print!("\r[{}{}] {:>3} %", "#".repeat(filled), " ".repeat(40 - filled), done * 100 / size.max(1));
    let _ = io::stdout().flush();
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let folder = std::env::temp_dir().join(format!("netref-file-transfer-{}", std::process::id()));
    fs::create_dir_all(&folder).await?;
    let data: Vec<u8> = (0..8 << 20_u32).map(|byte| (byte ^ (byte >> 8)) as u8).collect();
    fs::write(folder.join("data.bin"), &data).await?;

    let files = Remote::<dyn Files>::new(Folder(folder.clone()));
    let host = Node::builder().listen("tcp://127.0.0.1:0").publish("files", files).start().await?;
    let url = format!("{}/files", host.addresses()[0]);

    let copy = folder.join("copy.bin");
    let broken = fetch(&url, "data.bin", &copy, Some(3 << 20)).await.expect_err("the connection is cut");
    let kept = fs::metadata(&copy).await?.len();
    println!("\nbroken off after {kept} bytes: {broken}");
    assert!(kept >= 3 << 20 && kept < data.len() as u64);

    let size = fetch(&url, "data.bin", &copy, None).await?;
    println!("complete: {size} bytes");
    assert_eq!(size, data.len() as u64);
    assert!(fs::read(&copy).await? == data, "the copy is the file");
    fs::remove_dir_all(&folder).await?;
    Ok(())
}
