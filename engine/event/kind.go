// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

// Kind is what sort of thing happened: a closed list.
type Kind uint8

// The kinds.
const (
	KindNone Kind = iota
	// VRRPState is a transition of an instance: From, To, Reason, Evidence.
	VRRPState
	// VRRPAdvertRejected is the first of a run of adverts refused for the same
	// Reason from the same source; the rest are only counted.
	VRRPAdvertRejected
	// VRRPPriority is a change of the effective priority.
	VRRPPriority
	// VRRPConflict is evidence of a split brain, or its end (To = Down): another
	// master heard while master (Reason says who is higher), two masters heard
	// while BACKUP, or a stranger that claims an address of ours.
	VRRPConflict
	// VRRPNearMiss is a master-down timer that was rescued in its last interval.
	VRRPNearMiss
	// GroupState is a transition of a sync group.
	GroupState
	// AddressAdded is the end of one batch of additions of an instance: Count
	// addresses, Took from the first to the last.
	AddressAdded
	// AddressRemoved is the end of one batch of removals.
	AddressRemoved
	// AddressLost is an address of ours that somebody else removed.
	AddressLost
	// AnnounceSent is one burst of gratuitous ARPs or unsolicited NAs: Count frames.
	AnnounceSent
	// InterfaceChanged is an interface that went up, down, appeared or vanished.
	InterfaceChanged
	// TrackChanged is a tracked object that changed its verdict.
	TrackChanged
	// ExecDone is a finished external program: Count is its exit status.
	ExecDone
	// NotifySent is an event delivered by a channel (script, fifo, smtp, webhook, snmp_trap).
	NotifySent
	// NotifyFailed is an attempt of a channel that failed; Reason says how.
	NotifyFailed
	// ConfigLoaded is a configuration now in force.
	ConfigLoaded
	// ConfigRejected is a configuration that was refused; the old one stays.
	ConfigRejected
	// WorkerStarted is a role's process that is up.
	WorkerStarted
	// WorkerLost is a role's process that died.
	WorkerLost
	// LinkGap is a range of events that were lost: Count of them.
	LinkGap
	// PrivilegeDenied is something vigild asked of the kernel and was refused
	// (real-time priority, locked memory); it goes on without.
	PrivilegeDenied
	// Stalled is a pause of our own that was long enough to matter.
	Stalled
	// ClockStepped is a jump of the wall clock.
	ClockStepped
	// CheckOutcome is the outcome of one attempt of a health check that is worth
	// telling: From and To are the verdicts of the check before and after it, the
	// Subject is the real server, Reason how it failed (or Recovered, Slow,
	// Sampled), Took how long it took.
	CheckOutcome
	// ServerState is a real server, or sorry server, that went UP, DOWN or
	// DISABLED (ha_suspend: its checks rest, and it stays in the pool as it was).
	ServerState
	// ServiceQuorum is a virtual server that gained (UP) or lost (DOWN) its quorum.
	ServiceQuorum
	// IPVSApplied is the end of one batch of operations on the kernel's table:
	// Count of them, Took in all. The Subject is the virtual server, or ipvs
	// if the batch is of several.
	IPVSApplied
	// VRRPSuspicion is a takeover that is held for Took, because this process was
	// late itself and an advert may still be on its way.
	VRRPSuspicion
	// RouteLost is a route or rule of ours that somebody else removed.
	RouteLost
	// ServiceBrake is a virtual server whose failed servers are held in the pool
	// (To = Up, Count of them) because too many failed at once, or no more (To =
	// Down).
	ServiceBrake
	// NotifyTest is a wish to see whether a channel delivers: the Subject is the
	// channel.
	NotifyTest
	// SettingChanged is a setting that somebody changed: the Subject is an instance,
	// with the name of the setting as Sub (until the next reload), or a real server
	// (its weight); Count is the value, and Detail says who asked.
	SettingChanged
)

// The settings of an instance that can be changed while it runs: Sub of a
// SettingChanged. The last two are 0 or 1.
const (
	SettingPriority = "priority"
	SettingPreempt  = "preempt"
	SettingAccept   = "accept"
)

var kindWords = []string{
	"", "vrrp.state", "vrrp.advert_rejected", "vrrp.priority", "vrrp.conflict", "vrrp.near_miss", "group.state",
	"address.added", "address.removed", "address.lost", "announce.sent", "interface.changed", "track.changed",
	"exec.done", "notify.sent", "notify.failed", "config.loaded", "config.rejected", "worker.started", "worker.lost",
	"link.gap", "privilege.denied", "stalled", "clock.stepped",
	"check.outcome", "server.state", "service.quorum", "ipvs.applied", "vrrp.suspicion", "route.lost",
	"service.brake", "notify.test", "setting.changed",
}

func (k Kind) String() string { return wordOf(kindWords, k) }

// MarshalText implements encoding.TextMarshaler.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Kind) UnmarshalText(b []byte) (err error) {
	*k, err = word[Kind](kindWords, b, "kind")
	return err
}
