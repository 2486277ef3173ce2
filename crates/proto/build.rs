//! Generates the Rust code from `proto/` with a compiler written in Rust, so that no `protoc` is needed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 6] = [
    "segue/common/v1/error_reason.proto",
    "segue/selector/v1/selector.proto",
    "segue/issuer/v1/issuer.proto",
    "segue/router/v1/router.proto",
    "segue/channel/v1/channel.proto",
    "segue/audit/v1/audit.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(FILES)?;
    let descriptors = compiler.file_descriptor_set();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // Answers and requests that hold codes or personal data must not be printable by accident.
        // Ordered, so that the same message is always encoded the same: requests are told apart by their encoding.
        .btree_map(".")
        .skip_debug(SECRET_MESSAGES)
        .compile_fds(descriptors)?;
    Ok(())
}

/// Messages that hold access codes or personal data; `src/redact.rs` gives each a `Debug` without its content.
const SECRET_MESSAGES: [&str; 17] = [
    "segue.audit.v1.AuditRecord",
    "segue.audit.v1.ListAuditRecordsRequest",
    "segue.channel.v1.CloseSessionRequest",
    "segue.channel.v1.FindAccountsResponse",
    "segue.common.v1.AccessInfo",
    "segue.common.v1.CodeFace",
    "segue.common.v1.Identity",
    "segue.common.v1.RemainingWork",
    "segue.issuer.v1.RedeemCodeRequest",
    "segue.router.v1.Contact",
    "segue.router.v1.ContactEvent",
    "segue.router.v1.SubmitContactRequest",
    "segue.router.v1.TransferContactRequest",
    "segue.selector.v1.AdapterChange",
    "segue.selector.v1.ImportAccountsRequest",
    "segue.selector.v1.LinkAccountRequest",
    "segue.selector.v1.UnlinkAccountRequest",
];
