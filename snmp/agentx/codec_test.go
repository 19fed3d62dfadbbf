// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The bytes below are written out by hand from the diagrams of RFC 2741 §5 and
// §6.2. Every PDU here is of session 7, transaction 8, packet 9.

const be, le = FlagNetworkByteOrder, Flags(0)

var codecTable = []struct {
	name string
	msg  Message
	hex  string
}{
	{
		"open",
		Message{Flags: be, Body: Open{Timeout: 5, ID: NewOID(1, 3, 6, 1, 4, 1, 9586), Descr: "vigil"}},
		"01 01 10 00  00000007 00000008 00000009 0000001c" +
			"05 00 00 00  02 04 00 00 00000001 00002572  00000005 766967696c 000000",
	},
	{
		"open little",
		Message{Flags: le, Body: Open{Timeout: 5, ID: NewOID(1, 3, 6, 1, 4, 1, 9586), Descr: "vigil"}},
		"01 01 00 00  07000000 08000000 09000000 1c000000" +
			"05 00 00 00  02 04 00 00 01000000 72250000  05000000 766967696c 000000",
	},
	{
		"open null id",
		Message{Flags: be, Body: Open{}},
		"01 01 10 00  00000007 00000008 00000009 0000000c  00 00 00 00  00 00 00 00  00000000",
	},
	{
		"close",
		Message{Flags: be, Body: Close{Reason: CloseShutdown}},
		"01 02 10 00  00000007 00000008 00000009 00000004  05 00 00 00",
	},
	{
		"register range in context",
		Message{Flags: be | FlagNonDefaultContext, Context: "ctx", Body: Register{
			Timeout: 1, Priority: 127, RangeSubID: 7, Subtree: NewOID(1, 3, 6, 1, 2, 1, 2), UpperBound: 22,
		}},
		"01 03 18 00  00000007 00000008 00000009 0000001c" +
			"00000003 637478 00  01 7f 07 00  02 02 00 00 00000001 00000002  00000016",
	},
	{
		"register range in context little",
		Message{Flags: le | FlagNonDefaultContext, Context: "ctx", Body: Register{
			Timeout: 1, Priority: 127, RangeSubID: 7, Subtree: NewOID(1, 3, 6, 1, 2, 1, 2), UpperBound: 22,
		}},
		"01 03 08 00  07000000 08000000 09000000 1c000000" +
			"03000000 637478 00  01 7f 07 00  02 02 00 00 01000000 02000000  16000000",
	},
	{
		"register instance",
		Message{Flags: be | FlagInstanceRegistration, Body: Register{Priority: 1, Subtree: NewOID(1, 3, 6, 1, 2, 1, 1, 1, 0)}},
		"01 03 11 00  00000007 00000008 00000009 00000018" +
			"00 01 00 00  04 02 00 00 00000001 00000001 00000001 00000000",
	},
	{
		"unregister",
		Message{Flags: be, Body: Unregister{Priority: 127, Subtree: NewOID(1, 3, 6, 1, 2, 1, 2)}},
		"01 04 10 00  00000007 00000008 00000009 00000010  00 7f 00 00  02 02 00 00 00000001 00000002",
	},
	{
		"get",
		Message{Flags: be, Body: Get{[]SearchRange{{Start: NewOID(1, 3, 6, 1, 2, 1, 1, 1, 0)}, {Start: NewOID(1, 2, 3, 4)}}}},
		"01 05 10 00  00000007 00000008 00000009 00000030" +
			"04 02 00 00 00000001 00000001 00000001 00000000  00 00 00 00" +
			"04 00 00 00 00000001 00000002 00000003 00000004  00 00 00 00",
	},
	{
		"getnext",
		Message{Flags: be, Body: GetNext{[]SearchRange{{Start: NewOID(1, 3, 6, 1, 2, 1, 2), Include: true, End: NewOID(1, 3, 6, 1, 2, 1, 3)}}}},
		"01 06 10 00  00000007 00000008 00000009 00000018" +
			"02 02 01 00 00000001 00000002  02 02 00 00 00000001 00000003",
	},
	{
		"getnext little",
		Message{Flags: le, Body: GetNext{[]SearchRange{{Start: NewOID(1, 3, 6, 1, 2, 1, 2), Include: true, End: NewOID(1, 3, 6, 1, 2, 1, 3)}}}},
		"01 06 00 00  07000000 08000000 09000000 18000000" +
			"02 02 01 00 01000000 02000000  02 02 00 00 01000000 03000000",
	},
	{
		"getbulk",
		Message{Flags: be, Body: GetBulk{1, 10, []SearchRange{{Start: NewOID(1, 3, 6, 1, 2)}}}},
		"01 07 10 00  00000007 00000008 00000009 0000000c  0001 000a  00 02 00 00  00 00 00 00",
	},
	{
		"getbulk little",
		Message{Flags: le, Body: GetBulk{1, 10, []SearchRange{{Start: NewOID(1, 3, 6, 1, 2)}}}},
		"01 07 00 00  07000000 08000000 09000000 0c000000  0100 0a00  00 02 00 00  00 00 00 00",
	},
	{
		"testset",
		Message{Flags: be, Body: TestSet{[]VarBind{{NewOID(1, 3), Int(-2)}}}},
		"01 08 10 00  00000007 00000008 00000009 00000014  0002 0000  02 00 00 00 00000001 00000003  fffffffe",
	},
	{"commitset", Message{Flags: be, Body: CommitSet{}}, "01 09 10 00  00000007 00000008 00000009 00000000"},
	{"undoset", Message{Flags: le, Body: UndoSet{}}, "01 0a 00 00  07000000 08000000 09000000 00000000"},
	{"cleanupset", Message{Flags: be, Body: CleanupSet{}}, "01 0b 10 00  00000007 00000008 00000009 00000000"},
	{
		"notify",
		Message{Flags: be, Body: Notify{[]VarBind{{snmpTrapOID0, ObjectID(NewOID(1, 3, 6, 1, 4, 1, 9586))}}}},
		"01 0c 10 00  00000007 00000008 00000009 0000002c" +
			"0006 0000  06 06 00 00 00000003 00000001 00000001 00000004 00000001 00000000" +
			"02 04 00 00 00000001 00002572",
	},
	{
		"ping in context",
		Message{Flags: be | FlagNonDefaultContext, Context: "x", Body: Ping{}},
		"01 0d 18 00  00000007 00000008 00000009 00000008  00000001 78 000000",
	},
	{
		"indexallocate",
		Message{Flags: be | FlagNewIndex, Body: IndexAllocate{[]VarBind{{NewOID(1), Gauge(3)}}}},
		"01 0e 12 00  00000007 00000008 00000009 00000010  0042 0000  01 00 00 00 00000001  00000003",
	},
	{
		"indexdeallocate",
		Message{Flags: le | FlagAnyIndex, Body: IndexDeallocate{[]VarBind{{NewOID(1), Gauge(3)}}}},
		"01 0f 04 00  07000000 08000000 09000000 10000000  4200 0000  01 00 00 00 01000000  03000000",
	},
	{
		"addagentcaps",
		Message{Flags: be, Body: AddAgentCaps{ID: NewOID(1, 3, 6, 1, 4), Descr: "caps"}},
		"01 10 10 00  00000007 00000008 00000009 0000000c  00 04 00 00  00000004 63617073",
	},
	{
		"removeagentcaps",
		Message{Flags: be, Body: RemoveAgentCaps{ID: NewOID(1, 3, 6, 1, 4)}},
		"01 11 10 00  00000007 00000008 00000009 00000004  00 04 00 00",
	},
	{
		"response error",
		Message{Flags: be, Body: Response{SysUpTime: 258, Error: DuplicateRegistration, Index: 2}},
		"01 12 10 00  00000007 00000008 00000009 00000008  00000102 0107 0002",
	},
	{
		"response values",
		Message{Flags: be, Body: Response{VarBinds: allValues}},
		"01 12 10 00  00000007 00000008 00000009 000000dc  00000000 0000 0000" +
			"0002 0000  01 00 00 00 00000001  ffffffff" +
			"0004 0000  01 00 00 00 00000002  00000003 616263 00" +
			"0005 0000  01 00 00 00 00000003" +
			"0006 0000  01 00 00 00 00000004  01 04 00 00 00000001" +
			"0040 0000  01 00 00 00 00000005  00000004 c0000201" +
			"0041 0000  01 00 00 00 00000006  00000100" +
			"0042 0000  01 00 00 00 00000007  ffffffff" +
			"0043 0000  01 00 00 00 00000008  00000001" +
			"0044 0000  01 00 00 00 00000009  00000001 ff 000000" +
			"0046 0000  01 00 00 00 0000000a  0102030405060708" +
			"0080 0000  01 00 00 00 0000000b" +
			"0081 0000  01 00 00 00 0000000c" +
			"0082 0000  01 00 00 00 0000000d",
	},
	{
		"response values little",
		Message{Flags: le, Body: Response{VarBinds: allValues}},
		"01 12 00 00  07000000 08000000 09000000 dc000000  00000000 0000 0000" +
			"0200 0000  01 00 00 00 01000000  ffffffff" +
			"0400 0000  01 00 00 00 02000000  03000000 616263 00" +
			"0500 0000  01 00 00 00 03000000" +
			"0600 0000  01 00 00 00 04000000  01 04 00 00 01000000" +
			"4000 0000  01 00 00 00 05000000  04000000 c0000201" +
			"4100 0000  01 00 00 00 06000000  00010000" +
			"4200 0000  01 00 00 00 07000000  ffffffff" +
			"4300 0000  01 00 00 00 08000000  01000000" +
			"4400 0000  01 00 00 00 09000000  01000000 ff 000000" +
			"4600 0000  01 00 00 00 0a000000  0807060504030201" +
			"8000 0000  01 00 00 00 0b000000" +
			"8100 0000  01 00 00 00 0c000000" +
			"8200 0000  01 00 00 00 0d000000",
	},
}

var allValues = []VarBind{
	{NewOID(1), Int(-1)},
	{NewOID(2), Text("abc")},
	{NewOID(3), NullValue()},
	{NewOID(4), ObjectID(NewOID(1, 3, 6, 1, 4, 1))},
	{NewOID(5), IP(netip.MustParseAddr("192.0.2.1"))},
	{NewOID(6), Count32(256)},
	{NewOID(7), Gauge(1<<32 - 1)},
	{NewOID(8), Ticks(1)},
	{NewOID(9), OpaqueBytes([]byte{0xff})},
	{NewOID(10), Count64(0x0102030405060708)},
	{NewOID(11), Exception(NoSuchObject)},
	{NewOID(12), Exception(NoSuchInstance)},
	{NewOID(13), Exception(EndOfMibView)},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCodecTable(t *testing.T) {
	seen := map[PDUType]bool{}
	for _, c := range codecTable {
		t.Run(c.name, func(t *testing.T) {
			m := c.msg
			m.SessionID, m.TransactionID, m.PacketID = 7, 8, 9
			want := unhex(t, c.hex)
			got, err := AppendMessage(nil, m)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("encoded\n%x, want\n%x, error %v", got, want, err)
			}
			back, n, err := Decode(append(want, 0xee), DefaultLimits)
			if err != nil || n != len(want) || !reflect.DeepEqual(back, m) {
				t.Fatalf("decoded %+v (%d bytes, error %v), want %+v", back, n, err, m)
			}
			for i := range want {
				if _, _, err := Decode(want[:i], DefaultLimits); !errors.Is(err, ErrShort) {
					t.Fatalf("first %d bytes: %v", i, err)
				}
			}
		})
		seen[c.msg.Body.pduType()] = true
	}
	for p := TypeOpen; p <= TypeResponse; p++ {
		if !seen[p] {
			t.Errorf("no bytes for %s", p)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	const head = " 10 00  00000007 00000008 00000009 "
	for _, c := range []struct{ name, hex, want string }{
		{"version", "02 09" + head + "00000000", "version 2"},
		{"type 0", "01 00" + head + "00000000", "unknown type 0"},
		{"type 19", "01 13" + head + "00000000", "unknown type 19"},
		{"odd payload", "01 05" + head + "00000002 0000", "not a multiple of 4"},
		{"huge payload", "01 05" + head + "fffffffc", "at most"},
		{"oid runs out", "01 05" + head + "00000008  03 00 00 00 00000001", "object identifier of 12 bytes"},
		{"oid too long", "01 05" + head + "00000004  81 00 00 00", "129 sub-identifiers"},
		{"oid too long with prefix", "01 05" + head + "00000004  80 02 00 00", "133 sub-identifiers"},
		{"half a range", "01 05" + head + "00000004  00 00 00 00", "word of 4 bytes"},
		{"string runs out", "01 10" + head + "00000008  00 00 00 00 00000001", "octet string of 1 bytes"},
		{"string of 4 GiB", "01 10" + head + "00000008  00 00 00 00 ffffffff", "octet string of 4294967295 bytes"},
		{"padding missing", "01 0d 18 00 00000007 00000008 00000009 00000008  00000005 61626364", "octet string of 5 bytes"},
		{"value type", "01 0c" + head + "00000008  0003 0000 00 00 00 00", "unknown value type 3"},
		{"counter64 runs out", "01 0c" + head + "0000000c  0046 0000 00 00 00 00 00000000", "Counter64 of 8 bytes"},
		{"ipaddress of 3", "01 0c" + head + "00000010  0040 0000 00 00 00 00 00000003 01020300", "IpAddress of 3 bytes"},
		{"after the end", "01 02" + head + "00000008  01 00 00 00 00 00 00 00", "4 bytes after the end"},
		{"response too short", "01 12" + head + "00000004  00000000", "word of 4 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := Decode(unhex(t, c.hex), DefaultLimits)
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestDecodeLimits(t *testing.T) {
	for n := 2; n <= 3; n++ {
		binds := make([]VarBind, n)
		ranges := make([]SearchRange, n)
		for i := range binds {
			binds[i] = VarBind{NewOID(1), NullValue()}
		}
		for _, body := range []Body{Notify{binds}, GetNext{ranges}} {
			b, err := AppendMessage(nil, Message{Body: body})
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = Decode(b, Limits{MaxPayload: 1000, MaxVarBinds: 2})
			if (err == nil) != (n == 2) {
				t.Errorf("%d in %s with a limit of 2: %v", n, body.pduType(), err)
			}
			_, _, err = Decode(b, Limits{MaxPayload: len(b) - HeaderLen - 4, MaxVarBinds: 9})
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("payload above the limit: %v", err)
			}
		}
	}
}

// A CommitSet is its header (RFC 2741 §6.2.9); what a master may add is ignored.
func TestDecodeIgnoresPayloadOfCommit(t *testing.T) {
	b := unhex(t, "01 09 18 00  00000007 00000008 00000009 00000008  00000003 637478 00")
	m, n, err := Decode(b, DefaultLimits)
	if err != nil || n != len(b) || m.Body != (CommitSet{}) {
		t.Errorf("%+v, %d, %v", m, n, err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	long := NewOID(make([]uint32, MaxSubIDs+1)...)
	bad := []VarBind{{NewOID(1), Value{}}}
	longName := []VarBind{{long, NullValue()}}
	for _, body := range []Body{
		nil,
		Open{ID: long},
		Register{Subtree: long},
		Unregister{Subtree: long},
		Get{[]SearchRange{{Start: long}}},
		GetNext{[]SearchRange{{End: long}}},
		GetBulk{Ranges: []SearchRange{{Start: long}}},
		TestSet{bad},
		Notify{longName},
		IndexAllocate{bad},
		IndexDeallocate{bad},
		AddAgentCaps{ID: long},
		RemoveAgentCaps{ID: long},
		Response{VarBinds: bad},
		Notify{[]VarBind{{NewOID(1), ObjectID(long)}}},
	} {
		if b, err := AppendMessage([]byte{1}, Message{Body: body}); err == nil || !bytes.Equal(b, []byte{1}) {
			t.Errorf("%+v: %x, %v", body, b, err)
		}
	}
	if _, err := AppendMessage(nil, Message{Body: Open{ID: long.Head(MaxSubIDs)}}); err != nil {
		t.Errorf("%d sub-identifiers: %v", MaxSubIDs, err)
	}
}

func genOID(t *rapid.T) OID {
	n := rapid.IntRange(0, 12).Draw(t, "len")
	if rapid.Bool().Draw(t, "internet") {
		return NewOID(1, 3, 6, 1).Append(rapid.SliceOfN(rapid.Uint32Range(0, 300), n, n).Draw(t, "oid")...)
	}
	return NewOID(rapid.SliceOfN(rapid.Uint32(), n, n).Draw(t, "oid")...)
}

func genValue(t *rapid.T) Value {
	n := rapid.Uint64().Draw(t, "num")
	s := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "bytes")
	return rapid.SampledFrom([]Value{
		Int(int32(uint32(n))), Bytes(s), NullValue(), ObjectID(genOID(t)), IP(netip.AddrFrom4([4]byte{byte(n), 2, 3, 4})),
		Count32(uint32(n)), Gauge(uint32(n)), Ticks(uint32(n)), OpaqueBytes(s), Count64(n),
		Exception(NoSuchObject), Exception(NoSuchInstance), Exception(EndOfMibView),
	}).Draw(t, "value")
}

func genVarBinds(t *rapid.T) []VarBind {
	var out []VarBind
	for range rapid.IntRange(0, 5).Draw(t, "varbinds") {
		out = append(out, VarBind{genOID(t), genValue(t)})
	}
	return out
}

func genRanges(t *rapid.T) []SearchRange {
	var out []SearchRange
	for range rapid.IntRange(0, 5).Draw(t, "ranges") {
		out = append(out, SearchRange{genOID(t), rapid.Bool().Draw(t, "include"), genOID(t)})
	}
	return out
}

func genMessage(t *rapid.T) Message {
	u8, s := rapid.Uint8().Draw(t, "u8"), string(rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "s"))
	u16, u32, o := rapid.Uint16().Draw(t, "u16"), rapid.Uint32().Draw(t, "u32"), genOID(t)
	sub, upper := u8, u32
	if rapid.Bool().Draw(t, "no range") {
		sub, upper = 0, 0
	} else if sub == 0 {
		upper = 0
	}
	m := Message{SessionID: u32, TransactionID: ^u32, PacketID: u32 + 1, Flags: Flags(rapid.Uint8().Draw(t, "flags")) & flagsDefined}
	m.Body = rapid.SampledFrom([]Body{
		Open{u8, o, s},
		Close{CloseReason(u8)},
		Register{u8, u8 + 1, sub, o, upper},
		Unregister{u8, sub, o, upper},
		Get{genRanges(t)},
		GetNext{genRanges(t)},
		GetBulk{u16, u16 + 1, genRanges(t)},
		TestSet{genVarBinds(t)},
		CommitSet{},
		UndoSet{},
		CleanupSet{},
		Notify{genVarBinds(t)},
		Ping{},
		IndexAllocate{genVarBinds(t)},
		IndexDeallocate{genVarBinds(t)},
		AddAgentCaps{o, s},
		RemoveAgentCaps{o},
		Response{u32, ErrorStatus(u16), u16 + 1, genVarBinds(t)},
	}).Draw(t, "body")
	switch m.Body.(type) {
	case Open, Close, CommitSet, UndoSet, CleanupSet:
		m.Flags &^= FlagNonDefaultContext // these have no context (RFC 2741 §6.1.1)
	default:
		if m.Flags&FlagNonDefaultContext != 0 {
			m.Context = s
		}
	}
	return m
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := genMessage(t)
		b, err := AppendMessage(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		if len(b)%4 != 0 {
			t.Fatalf("%d bytes", len(b))
		}
		back, n, err := Decode(b, DefaultLimits)
		if err != nil || n != len(b) || !reflect.DeepEqual(back, m) {
			t.Fatalf("%+v became %+v: %v", m, back, err)
		}
	})
}
