//! TLS against a server in the same process, with certificates made on the spot.
