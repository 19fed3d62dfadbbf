// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

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
