//! Owns the fuzz target `machine`: hands libFuzzer's inputs to the body of this name, and nothing else.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| netref::internals::fuzz::machine(data));
