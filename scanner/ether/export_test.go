package ether

// Retry for tests.
var Retry = retry
