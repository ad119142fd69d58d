//! Verified installs: the result is installed offline and started, in a sandbox, and the report says how that went.
