package cloudfunction

// version is set by the linker, or by whoever packs the source; a build without
// it says what Go knows. Nothing else stands in this file: see deploy/dist/gcfsource.
var version = ""
