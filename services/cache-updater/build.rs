//! Makes cargo see new migrations.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations/cache");
}
