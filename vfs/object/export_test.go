package object

// ParseCommit is DecodeCommit without the signature, which no fuzzer finds.
var ParseCommit = parseCommit
