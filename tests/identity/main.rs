//! Every RPC and every role, allowed and denied, from the table itself, over real mTLS against real processes.

mod cast;
mod command_line;
mod grpcurl;
mod matrix;
mod request_ids;
mod revoke;
mod source;
mod stream;
