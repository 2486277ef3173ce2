//! Every RPC and every role, allowed and denied, from the table itself, over real mTLS against real processes.

mod cast;
mod grpcurl;
mod matrix;
