// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

// Severity is how much an event matters to whoever keeps watch.
type Severity uint8

// The severities.
const (
	// Debug: of use to whoever looks for a fault.
	Debug Severity = iota
	// Info: the normal life of a router.
	Info
	// Warn: something that should not go on.
	Warn
	// Error: something is lost or does not work.
	Error
)

var severityWords = []string{"debug", "info", "warn", "error"}

func (s Severity) String() string { return wordOf(severityWords, s) }

// Severity says how much the event matters. A step that failed is at least a
// warning, whatever its kind.
func (e *Event) Severity() Severity {
	if s := e.ordinary(); !e.Failed() || s > Warn {
		return s
	}
	return Warn
}

func (e *Event) ordinary() Severity {
	switch e.Kind {
	case VRRPAdvertRejected, AnnounceSent, ExecDone, NotifySent, CheckOutcome, IPVSApplied, KindNone:
		return Debug
	case AddressAdded, AddressRemoved, VRRPPriority, ConfigLoaded, WorkerStarted, NotifyTest, SettingChanged:
		return Info
	case VRRPState, GroupState:
		if e.To == Fault {
			return Warn
		}
		return Info
	case VRRPConflict, ServiceBrake, InterfaceChanged, TrackChanged, ServerState, ServiceQuorum:
		// A conflict or brake that goes on has To other than Down; of all others Down is the bad news.
		if (e.To == Down) == (e.Kind == VRRPConflict || e.Kind == ServiceBrake) {
			return Info
		}
		return Warn
	case VRRPNearMiss, VRRPSuspicion, AddressLost, RouteLost, LinkGap, PrivilegeDenied, Stalled, ClockStepped, NotifyFailed:
		return Warn
	case ConfigRejected, WorkerLost:
		return Error
	}
	return Info
}
