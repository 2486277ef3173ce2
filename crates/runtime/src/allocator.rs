//! The allocator of every program that links this crate. A service's messages, rows and buffers are many and short-lived, and the C
//! library's allocator took an eighth of its processor time (docs/adr/0041).

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
