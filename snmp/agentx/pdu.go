// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"errors"
	"fmt"
)

// PDUType is h.type, the kind of an AgentX PDU (RFC 2741 §6.1).
type PDUType uint8

// The PDU types of RFC 2741 §6.1.
const (
	TypeOpen            PDUType = 1
	TypeClose           PDUType = 2
	TypeRegister        PDUType = 3
	TypeUnregister      PDUType = 4
	TypeGet             PDUType = 5
	TypeGetNext         PDUType = 6
	TypeGetBulk         PDUType = 7
	TypeTestSet         PDUType = 8
	TypeCommitSet       PDUType = 9
	TypeUndoSet         PDUType = 10
	TypeCleanupSet      PDUType = 11
	TypeNotify          PDUType = 12
	TypePing            PDUType = 13
	TypeIndexAllocate   PDUType = 14
	TypeIndexDeallocate PDUType = 15
	TypeAddAgentCaps    PDUType = 16
	TypeRemoveAgentCaps PDUType = 17
	TypeResponse        PDUType = 18
)

var pduNames = [...]string{
	TypeOpen: "Open", TypeClose: "Close", TypeRegister: "Register", TypeUnregister: "Unregister",
	TypeGet: "Get", TypeGetNext: "GetNext", TypeGetBulk: "GetBulk", TypeTestSet: "TestSet",
	TypeCommitSet: "CommitSet", TypeUndoSet: "UndoSet", TypeCleanupSet: "CleanupSet",
	TypeNotify: "Notify", TypePing: "Ping", TypeIndexAllocate: "IndexAllocate",
	TypeIndexDeallocate: "IndexDeallocate", TypeAddAgentCaps: "AddAgentCaps",
	TypeRemoveAgentCaps: "RemoveAgentCaps", TypeResponse: "Response",
}

// String returns the RFC's name without the "agentx-" and "-PDU" around it.
func (t PDUType) String() string {
	if t.valid() {
		return pduNames[t]
	}
	return fmt.Sprintf("PDUType(%d)", uint8(t))
}

func (t PDUType) valid() bool { return t >= TypeOpen && t <= TypeResponse }

// Flags is h.flags (RFC 2741 §6.1).
type Flags uint8

// The flag bits of RFC 2741 §6.1.
const (
	FlagInstanceRegistration Flags = 1 << 0
	FlagNewIndex             Flags = 1 << 1
	FlagAnyIndex             Flags = 1 << 2
	FlagNonDefaultContext    Flags = 1 << 3
	FlagNetworkByteOrder     Flags = 1 << 4

	flagsDefined = FlagInstanceRegistration | FlagNewIndex | FlagAnyIndex | FlagNonDefaultContext | FlagNetworkByteOrder
)

// CloseReason is c.reason of a Close PDU (RFC 2741 §6.2.2).
type CloseReason uint8

// The reasons of RFC 2741 §6.2.2.
const (
	CloseOther         CloseReason = 1
	CloseParseError    CloseReason = 2
	CloseProtocolError CloseReason = 3
	CloseTimeouts      CloseReason = 4
	CloseShutdown      CloseReason = 5
	CloseByManager     CloseReason = 6
)

var closeNames = [...]string{
	CloseOther: "other", CloseParseError: "parseError", CloseProtocolError: "protocolError",
	CloseTimeouts: "timeouts", CloseShutdown: "shutdown", CloseByManager: "byManager",
}

// String returns the RFC's word for the reason.
func (r CloseReason) String() string {
	if r >= CloseOther && r <= CloseByManager {
		return closeNames[r]
	}
	return fmt.Sprintf("CloseReason(%d)", uint8(r))
}

// ErrorStatus is res.error of a Response: an SNMP error-status (RFC 3416 §3)
// or, from 256 on, an AgentX error (RFC 2741 §6.2.16).
type ErrorStatus uint16

// The SNMP error-status values of RFC 3416 §3.
const (
	NoError             ErrorStatus = 0
	TooBig              ErrorStatus = 1
	NoSuchName          ErrorStatus = 2
	BadValue            ErrorStatus = 3
	ReadOnly            ErrorStatus = 4
	GenErr              ErrorStatus = 5
	NoAccess            ErrorStatus = 6
	WrongType           ErrorStatus = 7
	WrongLength         ErrorStatus = 8
	WrongEncoding       ErrorStatus = 9
	WrongValue          ErrorStatus = 10
	NoCreation          ErrorStatus = 11
	InconsistentValue   ErrorStatus = 12
	ResourceUnavailable ErrorStatus = 13
	CommitFailed        ErrorStatus = 14
	UndoFailed          ErrorStatus = 15
	AuthorizationError  ErrorStatus = 16
	NotWritable         ErrorStatus = 17
	InconsistentName    ErrorStatus = 18
)

// The AgentX errors of RFC 2741 §6.2.16.
const (
	OpenFailed            ErrorStatus = 256
	NotOpen               ErrorStatus = 257
	IndexWrongType        ErrorStatus = 258
	IndexAlreadyAllocated ErrorStatus = 259
	IndexNoneAvailable    ErrorStatus = 260
	IndexNotAllocated     ErrorStatus = 261
	UnsupportedContext    ErrorStatus = 262
	DuplicateRegistration ErrorStatus = 263
	UnknownRegistration   ErrorStatus = 264
	UnknownAgentCaps      ErrorStatus = 265
	ParseError            ErrorStatus = 266
	RequestDenied         ErrorStatus = 267
	ProcessingError       ErrorStatus = 268
)

var statusNames = [...]string{
	"noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType",
	"wrongLength", "wrongEncoding", "wrongValue", "noCreation", "inconsistentValue",
	"resourceUnavailable", "commitFailed", "undoFailed", "authorizationError", "notWritable",
	"inconsistentName",
}

var agentxStatusNames = [...]string{
	"openFailed", "notOpen", "indexWrongType", "indexAlreadyAllocated", "indexNoneAvailable",
	"indexNotAllocated", "unsupportedContext", "duplicateRegistration", "unknownRegistration",
	"unknownAgentCaps", "parseError", "requestDenied", "processingError",
}

// String returns the RFC's word for the status.
func (s ErrorStatus) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	if i := int(s) - int(OpenFailed); i >= 0 && i < len(agentxStatusNames) {
		return agentxStatusNames[i]
	}
	return fmt.Sprintf("ErrorStatus(%d)", uint16(s))
}

// The errors a caller may branch on with errors.Is.
var (
	// ErrMalformed is a PDU that breaks RFC 2741 §5 or §6, or a limit of ours.
	ErrMalformed = errors.New("malformed AgentX PDU")
	// ErrShort means that the bytes end before the PDU does.
	ErrShort = errors.New("incomplete AgentX PDU")
	// ErrProtocol is a well-formed PDU that a master must not send to a subagent.
	ErrProtocol = errors.New("AgentX protocol error")
	// ErrClosed means that the Client has ended, or was told to.
	ErrClosed = errors.New("AgentX client closed")
	// ErrQueueFull means that the notification was dropped because the queue is full.
	ErrQueueFull = errors.New("AgentX notification queue full")
	// ErrExpired means that a notification waited longer than Config.NotifyMaxAge.
	ErrExpired = errors.New("AgentX notification expired")
	// ErrNotConnected means that there is no session with a master now.
	ErrNotConnected = errors.New("no AgentX session")
	// ErrSessionLost means that the session ended before the master answered.
	ErrSessionLost = errors.New("AgentX session lost")
	// ErrTimeout means that the master did not answer within Config.Timeout.
	ErrTimeout = errors.New("AgentX master does not answer")
)

// A ResponseError is an error the master answered to one of our requests.
type ResponseError struct {
	Request PDUType
	Status  ErrorStatus
	Index   int // 1-based varbind the master blames, 0 if none
}

// Error tells the request and the status.
func (e *ResponseError) Error() string {
	if e.Index > 0 {
		return fmt.Sprintf("%s: master answered %s at varbind %d", e.Request, e.Status, e.Index)
	}
	return fmt.Sprintf("%s: master answered %s", e.Request, e.Status)
}

// A Message is one AgentX PDU (RFC 2741 §6). Its type is the type of its Body,
// and Flags says whether Context is present and in which byte order it travels.
type Message struct {
	Flags         Flags
	SessionID     uint32
	TransactionID uint32
	PacketID      uint32
	Context       string // only with FlagNonDefaultContext
	Body          Body
}

// A Body is what follows the header and the context: one of the types Open to
// Response below.
type Body interface{ pduType() PDUType }

// A SearchRange asks for the first variable from Start (after it, unless
// Include) that comes before End; a null End is no bound (RFC 2741 §5.2).
type SearchRange struct {
	Start   OID
	Include bool
	End     OID
}

// The PDU bodies of RFC 2741 §6.2.
type (
	// Open asks for a session. Timeout is in seconds, 0 for the master's own.
	Open struct {
		Timeout uint8
		ID      OID
		Descr   string
	}
	// Close ends a session.
	Close struct{ Reason CloseReason }
	// Register claims a subtree, or with RangeSubID > 0 the range from the
	// RangeSubID-th sub-identifier of Subtree up to UpperBound.
	Register struct {
		Timeout    uint8
		Priority   uint8
		RangeSubID uint8
		Subtree    OID
		UpperBound uint32
	}
	// Unregister gives a claim back.
	Unregister struct {
		Priority   uint8
		RangeSubID uint8
		Subtree    OID
		UpperBound uint32
	}
	// Get asks for the variables named by the Start of each range.
	Get struct{ Ranges []SearchRange }
	// GetNext asks for the first variable in each range.
	GetNext struct{ Ranges []SearchRange }
	// GetBulk asks for NonRepeaters variables once, and for the others up to
	// MaxRepetitions times.
	GetBulk struct {
		NonRepeaters   uint16
		MaxRepetitions uint16
		Ranges         []SearchRange
	}
	// TestSet asks whether all the assignments can be made.
	TestSet struct{ VarBinds []VarBind }
	// CommitSet makes the tested assignments.
	CommitSet struct{}
	// UndoSet takes committed assignments back.
	UndoSet struct{}
	// CleanupSet ends a set transaction; it has no response.
	CleanupSet struct{}
	// Notify sends a notification.
	Notify struct{ VarBinds []VarBind }
	// Ping asks whether the master is alive.
	Ping struct{}
	// IndexAllocate reserves index values.
	IndexAllocate struct{ VarBinds []VarBind }
	// IndexDeallocate gives index values back.
	IndexDeallocate struct{ VarBinds []VarBind }
	// AddAgentCaps adds a line to the master's sysORTable.
	AddAgentCaps struct {
		ID    OID
		Descr string
	}
	// RemoveAgentCaps takes the line away.
	RemoveAgentCaps struct{ ID OID }
	// Response answers any PDU but CleanupSet. SysUpTime is in hundredths of a
	// second; Index is the 1-based varbind at fault.
	Response struct {
		SysUpTime uint32
		Error     ErrorStatus
		Index     uint16
		VarBinds  []VarBind
	}
)

func (Open) pduType() PDUType            { return TypeOpen }
func (Close) pduType() PDUType           { return TypeClose }
func (Register) pduType() PDUType        { return TypeRegister }
func (Unregister) pduType() PDUType      { return TypeUnregister }
func (Get) pduType() PDUType             { return TypeGet }
func (GetNext) pduType() PDUType         { return TypeGetNext }
func (GetBulk) pduType() PDUType         { return TypeGetBulk }
func (TestSet) pduType() PDUType         { return TypeTestSet }
func (CommitSet) pduType() PDUType       { return TypeCommitSet }
func (UndoSet) pduType() PDUType         { return TypeUndoSet }
func (CleanupSet) pduType() PDUType      { return TypeCleanupSet }
func (Notify) pduType() PDUType          { return TypeNotify }
func (Ping) pduType() PDUType            { return TypePing }
func (IndexAllocate) pduType() PDUType   { return TypeIndexAllocate }
func (IndexDeallocate) pduType() PDUType { return TypeIndexDeallocate }
func (AddAgentCaps) pduType() PDUType    { return TypeAddAgentCaps }
func (RemoveAgentCaps) pduType() PDUType { return TypeRemoveAgentCaps }
func (Response) pduType() PDUType        { return TypeResponse }

// A Header is the 20 bytes before every payload (RFC 2741 §6.1).
type Header struct {
	Type          PDUType
	Flags         Flags
	SessionID     uint32
	TransactionID uint32
	PacketID      uint32
	PayloadLen    int // bytes, a multiple of 4
}

// HeaderLen is the length of a Header on the wire, in bytes.
const HeaderLen = 20

// Limits bounds what is accepted from the other side.
type Limits struct {
	MaxPayload  int // bytes of one payload
	MaxVarBinds int // varbinds or search ranges in one PDU
}

// DefaultLimits has room for what fits into an SNMP message of 64 KiB.
var DefaultLimits = Limits{MaxPayload: 512 << 10, MaxVarBinds: 8192}
