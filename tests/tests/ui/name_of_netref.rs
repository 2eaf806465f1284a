//! Every object answers netref's own interfaces, and a trait of that name would never be asked.

#[netref::remote(name = "netref.Object")]
trait Thing {
    async fn hello(&self) -> netref::Result<()>;
}

fn main() {}
