// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

// Checker is a kind of health check: a closed list of keepalived's keywords,
// and of ours.
type Checker uint8

// The checkers.
const (
	CheckerNone Checker = iota
	CheckerTCP
	CheckerHTTP
	CheckerSSL
	CheckerSMTP
	CheckerDNS
	CheckerUDP
	CheckerPing
	CheckerMisc
	CheckerFile
	CheckerBFD
	// CheckerExpect sends a request over TCP and expects a reply, as ldirectord
	// and Piranha do; keepalived has no such checker.
	CheckerExpect
	checkerEnd
)

// CheckerCount is the number of values of Checker, CheckerNone included.
const CheckerCount = int(checkerEnd)

var checkerWords = []string{
	"", "TCP_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK", "DNS_CHECK", "UDP_CHECK", "PING_CHECK", "MISC_CHECK",
	"FILE_CHECK", "BFD_CHECK", "EXPECT_CHECK",
}

func (c Checker) String() string { return wordOf(checkerWords, c) }

// MarshalText implements encoding.TextMarshaler.
func (c Checker) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Checker) UnmarshalText(b []byte) (err error) {
	*c, err = word[Checker](checkerWords, b, "checker")
	return err
}

// Checkers are all kinds of check, in the order in which exits show them.
func Checkers() []Checker {
	var out []Checker
	for c := CheckerTCP; c < checkerEnd; c++ {
		out = append(out, c)
	}
	return out
}

// Phase is a part of a check.
type Phase uint8

// The phases. The first PhaseCount after PhaseNone are timed; the others say
// what a check without them was doing.
const (
	PhaseNone Phase = iota
	PhaseResolve
	PhaseConnect
	PhaseTLS
	PhaseProcessing
	PhaseTransfer
	PhaseQuery
	PhaseEcho
	PhaseScript
)

// PhaseCount is how many phases are timed: PhaseResolve to PhaseTransfer.
const PhaseCount = 5

var phaseWords = []string{"", "resolve", "connect", "tls", "processing", "transfer", "query", "echo", "script"}

func (p Phase) String() string { return wordOf(phaseWords, p) }

// MarshalText implements encoding.TextMarshaler.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Phase) UnmarshalText(b []byte) (err error) {
	*p, err = word[Phase](phaseWords, b, "phase")
	return err
}

// TimedIndex returns the place of a phase in CheckEvidence.Phases; ok is false
// for one that is not timed.
func (p Phase) TimedIndex() (i int, ok bool) {
	if p < PhaseResolve || p > PhaseTransfer {
		return 0, false
	}
	return int(p - PhaseResolve), true
}

// TimedPhase is the inverse of TimedIndex; i is 0 to PhaseCount-1.
func TimedPhase(i int) Phase { return PhaseResolve + Phase(i) }

// IPVSOp is an operation on the kernel's table of virtual services: a closed list.
type IPVSOp uint8

// The operations.
const (
	IPVSNone IPVSOp = iota
	IPVSAddService
	IPVSEditService
	IPVSDelService
	IPVSAddDest
	IPVSEditDest
	IPVSDelDest
	IPVSFlush
	// IPVSRead is reading the table, IPVSSync starting or stopping a sync daemon,
	// IPVSTimeouts setting the timeouts of connections.
	IPVSRead
	IPVSSync
	IPVSTimeouts
	ipvsOpEnd
)

// IPVSOpCount is the number of values of IPVSOp, IPVSNone included.
const IPVSOpCount = int(ipvsOpEnd)

var ipvsOpWords = []string{
	"", "add_service", "edit_service", "del_service", "add_dest", "edit_dest", "del_dest", "flush", "read", "sync_daemon", "timeouts",
}

func (o IPVSOp) String() string { return wordOf(ipvsOpWords, o) }

// MarshalText implements encoding.TextMarshaler.
func (o IPVSOp) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *IPVSOp) UnmarshalText(b []byte) (err error) {
	*o, err = word[IPVSOp](ipvsOpWords, b, "ipvs operation")
	return err
}
