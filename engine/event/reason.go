// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

// Reason says why, in one word from a closed list. Exits use it as a label,
// so a word, once published, keeps its meaning.
type Reason uint8

// Reasons of a transition (vrrp.state, group.state).
const (
	ReasonNone Reason = iota
	// Startup: the router started.
	Startup
	// MasterDownTimer: no advert from the master for the master-down interval.
	MasterDownTimer
	// PriorityZero: the master said that it gives up.
	PriorityZero
	// Preempt: the master that was heard had a lower priority than ours.
	Preempt
	// HigherPriority: another master with a higher priority was heard.
	HigherPriority
	// HigherAddress: another master with our priority and a higher address was heard.
	HigherAddress
	// Tracking: a tracked script, file, process or BFD session changed.
	Tracking
	// Interface: an interface went down or up, appeared or vanished.
	Interface
	// AddressMissing: the instance has no source address, or got one again.
	AddressMissing
	// AddressDuplicate: another node has the source address (RFC 4862 section 5.4).
	AddressDuplicate
	// AddressGone: somebody removed an address of ours.
	AddressGone
	// RouteGone and RuleGone: somebody removed a route or rule of ours.
	RouteGone
	RuleGone
	// SyncGroup: a member of the sync group moved the others.
	SyncGroup
	// Reload: the configuration changed.
	Reload
	// Shutdown: the router stops.
	Shutdown
	// Resumed: a restarted worker takes up the state its predecessor had.
	Resumed
	// Admin: a person asked for it.
	Admin

	// The reasons from here to rejectEnd are those of a refused advert.

	// RejectTTL: time to live or hop limit is not what is required.
	RejectTTL
	// RejectPacketLength: too short, or of a length that fits no address count.
	RejectPacketLength
	// RejectPacketType: not an ADVERTISEMENT.
	RejectPacketType
	// RejectVersion: another VRRP version than ours.
	RejectVersion
	// RejectVRID: a virtual router id that no instance here has.
	RejectVRID
	// RejectChecksum: the checksum is wrong.
	RejectChecksum
	// RejectAddressList: other addresses than ours (compat: counted, and the
	// advert is still used).
	RejectAddressList
	// RejectAdvertInterval: another interval than ours (version 2).
	RejectAdvertInterval
	// RejectAuthInvalidType: an authentication type that does not exist.
	RejectAuthInvalidType
	// RejectAuthTypeMismatch: another authentication type than ours.
	RejectAuthTypeMismatch
	// RejectAuthFailure: the password or digest is wrong.
	RejectAuthFailure
	// RejectAuthExtMissing and the next five belong to auth_hmac.
	RejectAuthExtMissing
	RejectAuthExtMalformed
	RejectAuthExtUnknownKey
	RejectAuthExtInvalidHMAC
	RejectAuthExtStale
	RejectAuthExtReplay
	// RejectUnknownPeer: a unicast advert from somebody who is no configured peer.
	RejectUnknownPeer
	// RejectDestination: a multicast advert on a unicast instance or the reverse.
	RejectDestination
	// RejectOwner: the address owner ignores adverts.
	RejectOwner
	rejectEnd

	// The reasons from here to failureEnd say how a step failed.

	// FailKernel: the kernel refused (netlink, socket).
	FailKernel
	// FailExit: a program ended with a status that means no.
	FailExit
	// FailSignal: a program was ended by a signal.
	FailSignal
	// FailTimeout: it took longer than allowed.
	FailTimeout
	// FailSpawn: a program could not be started.
	FailSpawn
	// FailRefused: the far end refused the connection or the message.
	FailRefused
	// FailUnreachable: the far end could not be reached.
	FailUnreachable
	// FailTLS: the TLS handshake or verification did not succeed.
	FailTLS
	// FailAuth: the far end did not accept the credentials.
	FailAuth
	// FailProtocol: the far end answered what its protocol does not allow.
	FailProtocol
	// FailOverflow: a queue was full.
	FailOverflow
	// FailPermission: not allowed.
	FailPermission
	// FailInvalid: the input is not valid.
	FailInvalid
	// FailCrash: a process ended by itself when it should not.
	FailCrash
	failureEnd

	// The precedences of another master that is heard while master.

	// ConflictLower: its priority is lower.
	ConflictLower
	// ConflictEqual: its priority is equal.
	ConflictEqual
	// ConflictHigher: its priority is higher. More follow: ConflictMasters.
	ConflictHigher

	// The moments of announce.sent.

	// AnnounceTransition: at the transition.
	AnnounceTransition
	// AnnounceRepeat: garp_master_delay later.
	AnnounceRepeat
	// AnnounceRefresh: garp_master_refresh.
	AnnounceRefresh
	// AnnounceLowerPriority: after an advert of a lower priority.
	AnnounceLowerPriority
	// AnnounceReload: addresses that a reload added.
	AnnounceReload
	// AnnounceThaw: after a pause of our own (freeze detector).
	AnnounceThaw

	// How a BFD session changes, beside FailTimeout: the detection time passed.

	// NeighborUp: the neighbour is heard, or says that it hears us.
	NeighborUp
	// NeighborDown: the neighbour says that the session is down.
	NeighborDown
	// NeighborAdminDown: the neighbour was told to take the session down.
	NeighborAdminDown

	// Other evidence of a split brain (vrrp.conflict).

	// ConflictMasters: two other routers are heard as master, while BACKUP.
	ConflictMasters
	// ConflictClaim: somebody answers for, or announces, an address of ours.
	ConflictClaim
	// ConflictOwner: another router claims to own the addresses, as we do.
	ConflictOwner

	// More moments of announce.sent.

	// AnnounceSource: our own address, when a unicast instance recovers.
	AnnounceSource
	// AnnounceRestore: an address that somebody else had removed.
	AnnounceRestore

	// The reasons from here to checkEnd say, with FailProtocol, how a health check
	// failed (CheckFailures).

	// FailResolve: the name of the target could not be resolved.
	FailResolve
	// FailConnectRefused: the server refused the connection.
	FailConnectRefused
	// FailConnectTimeout: no answer to the connection in time.
	FailConnectTimeout
	// FailConnectUnreachable: host or network cannot be reached.
	FailConnectUnreachable
	// FailTLSHandshake: the TLS handshake failed.
	FailTLSHandshake
	// FailTLSCertificate: the certificate was not accepted.
	FailTLSCertificate
	// FailReadTimeout: connected, and no answer in time.
	FailReadTimeout
	// FailConnectionClosed: the server closed or reset the connection too early.
	FailConnectionClosed
	// FailHTTPStatus: a status code that is not accepted.
	FailHTTPStatus
	// FailDigest: the body has another digest.
	FailDigest
	// FailBody: the body, or reply, does not match.
	FailBody
	// FailDNSRcode: the DNS answer carries an error.
	FailDNSRcode
	// FailSMTPReply: an SMTP reply code that is not the expected one.
	FailSMTPReply
	// FailScriptExit: the script said no, or was ended by a signal of others.
	FailScriptExit
	// FailScriptTimeout: the script was ended because it took too long.
	FailScriptTimeout
	// FailLocalResource: this host lacked a descriptor, port, memory or program.
	FailLocalResource
	// FailReplyTooLong: the reply is longer than allowed.
	FailReplyTooLong
	// FailFileWeight: the value of the file means no.
	FailFileWeight
	// FailBFDDown: the BFD session is not up.
	FailBFDDown
	checkEnd

	// Reasons of server.state, service.quorum, service.brake and ipvs.applied.

	// Recovered: the checks pass again.
	Recovered
	// ServerUp: a server came up (service.quorum).
	ServerUp
	// ServerDown: a server went down (service.quorum).
	ServerDown
	// WeightChanged: the weight of a server changed.
	WeightChanged
	// Drift: somebody else changed the kernel's table, and it was mended.
	Drift
	// SorryServer: the quorum was lost and the sorry server stands in, or it was
	// gained and the sorry server goes.
	SorryServer
	// HASuspend: the address of the virtual server went from, or came to, this host.
	HASuspend
	// Brake: more servers fail than may be removed at once.
	Brake
	// SyncDaemon: the instance that the sync daemon follows changed.
	SyncDaemon
	// Initial: how it stood at the start.
	Initial

	// Why a check.outcome that changes nothing is told.

	// Slow: it took longer than half of its timeout.
	Slow
	// Sampled: one of many, by chance.
	Sampled

	// Reasons of a transition that was only observed (shadow mode), where they are
	// not those of a router's own.

	// Observed: it was seen so when the observation began, or when somebody was
	// heard again.
	Observed
	// Resigned: this host said that it gives up (priority 0).
	Resigned
	// Silent: nobody is heard any more.
	Silent
)

// firstCheck is the first of the reasons that belong to health checks alone.
const firstCheck = FailResolve

var reasonWords = []string{
	"", "startup", "master_down_timer", "priority_zero", "preempt", "higher_priority", "higher_address", "tracking",
	"interface", "address_missing", "address_duplicate", "address_gone", "route_gone", "rule_gone", "sync_group", "reload", "shutdown", "resumed", "admin",
	"ttl", "packet_length", "packet_type", "version", "vrid", "checksum", "address_list", "advert_interval",
	"auth_invalid_type", "auth_type_mismatch", "auth_failure", "auth_ext_missing", "auth_ext_malformed",
	"auth_ext_unknown_key", "auth_ext_invalid_hmac", "auth_ext_stale", "auth_ext_replay", "unknown_peer",
	"destination", "owner", "",
	"kernel", "exit", "signal", "timeout", "spawn", "refused", "unreachable", "tls", "auth", "protocol", "overflow",
	"permission", "invalid", "crash", "",
	"lower", "equal", "higher",
	"transition", "repeat", "refresh", "lower_priority", "reload_added", "thaw",
	"neighbor_up", "neighbor_down", "neighbor_admin_down",
	"two_masters", "address_claimed", "two_owners",
	"source", "restored",
	"resolve", "connect_refused", "connect_timeout", "connect_unreachable", "tls_handshake", "tls_certificate",
	"read_timeout", "connection_closed", "http_status", "digest_mismatch", "body_mismatch", "dns_rcode", "smtp_reply",
	"script_exit", "script_timeout", "local_resource", "reply_too_long", "file_weight", "bfd_down", "",
	"recovered", "server_up", "server_down", "weight", "drift", "sorry_server", "ha_suspend", "brake", "sync_daemon", "initial",
	"slow", "sampled", "observed", "resigned", "silent",
}

func (r Reason) String() string { return wordOf(reasonWords, r) }

// MarshalText implements encoding.TextMarshaler.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Reason) UnmarshalText(b []byte) (err error) {
	*r, err = word[Reason](reasonWords, b, "reason")
	return err
}

func (r Reason) isFailure() bool {
	return r > rejectEnd && r < failureEnd || r >= firstCheck && r < checkEnd
}

// CheckFailures is the closed list of how a health check can fail.
func CheckFailures() []Reason {
	out := []Reason{FailProtocol}
	for r := firstCheck; r < checkEnd; r++ {
		out = append(out, r)
	}
	return out
}

// CheckFailureCount is the number of CheckFailures.
const CheckFailureCount = int(checkEnd-firstCheck) + 1

// CheckFailureIndex returns the place of a reason in CheckFailures; ok is false
// for other reasons.
func (r Reason) CheckFailureIndex() (i int, ok bool) {
	if r == FailProtocol {
		return 0, true
	}
	if r < firstCheck || r >= checkEnd {
		return 0, false
	}
	return int(r-firstCheck) + 1, true
}

// CheckFailureAt is the inverse of CheckFailureIndex; i is 0 to
// CheckFailureCount-1.
func CheckFailureAt(i int) Reason {
	if i == 0 {
		return FailProtocol
	}
	return firstCheck + Reason(i-1)
}

// RejectCount is the number of reasons for refusing an advert.
const RejectCount = int(rejectEnd - RejectTTL)

// RejectIndex returns the place of a reject reason in Tally.Rejects; ok is
// false for other reasons.
func (r Reason) RejectIndex() (i int, ok bool) {
	if r < RejectTTL || r >= rejectEnd {
		return 0, false
	}
	return int(r - RejectTTL), true
}

// RejectAt is the inverse of RejectIndex; i is 0 to RejectCount-1.
func RejectAt(i int) Reason { return RejectTTL + Reason(i) }

// Transition is one legal (from, to, reason) of an instance.
type Transition struct {
	From, To State
	Reason   Reason
}

// Transitions is the closed list of what an instance may do; exits show each
// of them from the start, at zero.
func Transitions() []Transition {
	var out []Transition
	add := func(from, to State, why ...Reason) {
		for _, r := range why {
			out = append(out, Transition{from, to, r})
		}
	}
	add(Init, Backup, Startup)
	add(Init, Fault, Startup, Interface, Tracking, AddressMissing, AddressDuplicate, SyncGroup)
	add(Init, Master, Startup, Resumed)
	add(Backup, Master, MasterDownTimer, PriorityZero, Preempt, SyncGroup, Startup, Admin)
	add(Backup, Fault, Interface, Tracking, AddressMissing, AddressDuplicate, SyncGroup, Reload)
	add(Master, Backup, HigherPriority, HigherAddress, SyncGroup, AddressGone, RouteGone, RuleGone, Reload, Admin)
	add(Master, Fault, Interface, Tracking, AddressMissing, AddressDuplicate, SyncGroup, Reload)
	add(Fault, Backup, Interface, Tracking, AddressMissing, AddressDuplicate, SyncGroup, Reload)
	for _, s := range []State{Init, Backup, Master, Fault} {
		add(s, Stop, Shutdown)
		add(s, Deleted, Reload)
	}
	return out
}

// ShadowTransitions is the closed list of what else an instance may be seen to
// do in shadow mode; they follow Transitions where both are counted.
func ShadowTransitions() []Transition {
	return []Transition{
		{Init, Backup, Observed},
		{Init, Master, Observed},
		{Master, Init, Resigned},
		{Master, Init, Silent},
		{Backup, Init, Silent},
		{Fault, Init, Interface},
	}
}

// BFDTransitions is the closed list of what a BFD session may do; exits show
// each of them from the start, at zero.
func BFDTransitions() []Transition {
	var out []Transition
	add := func(from, to State, why ...Reason) {
		for _, r := range why {
			out = append(out, Transition{from, to, r})
		}
	}
	add(Down, Init, NeighborUp)
	add(Down, Up, NeighborUp)
	add(Init, Up, NeighborUp)
	add(Init, Down, FailTimeout, NeighborAdminDown, Shutdown)
	add(Up, Down, FailTimeout, NeighborDown, NeighborAdminDown, Shutdown)
	return out
}
