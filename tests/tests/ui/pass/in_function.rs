//! Remote traits inside a function body.

#![deny(warnings)]

use netref::Remote;

fn main() {
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    struct Point(u8);

    #[netref::remote]
    trait Canvas {
        async fn dot(&self, at: Point, again: &Point) -> Result<u8, netref::Error>;
    }

    #[netref::remote]
    trait Sheet: Canvas {
        async fn number(&self) -> Result<u8, netref::Error> {
            self.dot(Point(1), &Point(2)).await
        }
    }

    struct Paper;

    impl Canvas for Paper {
        async fn dot(&self, at: Point, again: &Point) -> Result<u8, netref::Error> {
            Ok(at.0 + again.0)
        }
    }

    impl Sheet for Paper {}

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sheet = Remote::<dyn Sheet>::new(Paper);
    assert_eq!(runtime.block_on(async { sheet.number().await }).unwrap(), 3);
}
