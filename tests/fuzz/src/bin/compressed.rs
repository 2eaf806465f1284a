//! Owns the fuzz target `compressed`: hands libFuzzer's inputs to the body of this name, and nothing else.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| netref::internals::fuzz::compressed(data));
