//! Compiles the `.proto` files with protox, so that no protoc is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = [
        "gwm/common/v1/common.proto",
        "gwm/common/v1/complete.proto",
        "gwm/auth/v1/audit_service.proto",
        "gwm/auth/v1/auth_service.proto",
        "gwm/auth/v1/ssh_keys.proto",
        "gwm/auth/v1/groups.proto",
        "gwm/auth/v1/owners.proto",
        "gwm/auth/v1/people.proto",
        "gwm/auth/v1/quotas.proto",
        "gwm/auth/v1/explain.proto",
        "gwm/auth/v1/roles.proto",
        "gwm/auth/v1/oidc.proto",
        "gwm/auth/v1/personas.proto",
        "gwm/auth/v1/second_factor.proto",
        "gwm/auth/v1/sign_in.proto",
        "gwm/auth/v1/views_service.proto",
        "gwm/cache/v1/cache_service.proto",
        "gwm/cache/v1/objects_service.proto",
        "gwm/cache/v1/imports.proto",
        "gwm/cache/v1/owner_tags.proto",
        "gwm/cache/v1/usage.proto",
        "gwm/cache/v1/find_service.proto",
        "gwm/cache/v1/watch_service.proto",
        "gwm/jobs/v1/jobs_service.proto",
        "gwm/console/v1/console_service.proto",
    ];
    println!("cargo::rerun-if-changed=gwm");
    let descriptors = protox::compile(files, ["."])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptor.bin"), prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
