// Package launchd is the LaunchDaemon of the agent for macOS, as a file for installers and
// management systems and as text for "muster-agent service install".
package launchd

import _ "embed" // the property list

// Label is what launchd knows the agent by; the file's name begins with it.
const Label = "org.muster.agent"

// Program is where the property list expects the agent.
const Program = "/opt/muster-agent/muster-agent"

// Plist is the property list in the folder.
//
//go:embed org.muster.agent.plist
var Plist string
