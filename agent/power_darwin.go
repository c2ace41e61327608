package agent

// conditions: power sources are in IOKit, which needs calls of its C library.
func conditions() Conditions { return Conditions{} }
