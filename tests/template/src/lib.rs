//! Tests that hold `infra/template.yaml` and the workspace to the design. The library is empty: see `tests/`.
//!
//! They read files relative to the package's folder, in which Cargo runs tests. So one build of them judges every copy
//! of the repository: run the test's binary in the copy's `tests/template`.
