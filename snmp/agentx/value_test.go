// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseOID(t *testing.T) {
	for _, c := range []struct {
		in, out string
		n       int
	}{
		{"1.3.6.1", "1.3.6.1", 4},
		{".1.3.6.1", "1.3.6.1", 4},
		{"0.0", "0.0", 2},
		{"4294967295", "4294967295", 1},
		{strings.Repeat(".9", MaxSubIDs), strings.Repeat(".9", MaxSubIDs)[1:], MaxSubIDs},
	} {
		o, err := ParseOID(c.in)
		if err != nil || o.String() != c.out || o.Len() != c.n {
			t.Errorf("%q: %s (%d), %v", c.in, o, o.Len(), err)
		}
	}
	for _, in := range []string{"", ".", "1.", "1..2", "-1", "+1", "4294967296", "1.x", " 1", "..1", strings.Repeat(".9", MaxSubIDs+1)} {
		if o, err := ParseOID(in); err == nil {
			t.Errorf("%q gave %s", in, o)
		}
	}
}

func TestMustParseOIDPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	MustParseOID("x")
}

func TestOIDParts(t *testing.T) {
	o := NewOID(1, 3, 70000)
	if o.At(2) != 70000 || !slices.Equal(o.SubIDs(), []uint32{1, 3, 70000}) {
		t.Errorf("sub-identifiers %v", o.SubIDs())
	}
	if o.Append(4) != NewOID(1, 3, 70000, 4) || o.Join(NewOID(5)) != NewOID(1, 3, 70000, 5) || o.Append() != o {
		t.Error("append")
	}
	if o.Head(1) != NewOID(1) || o.Tail(1) != NewOID(3, 70000) || o.IsZero() || !o.Tail(3).IsZero() {
		t.Error("head and tail")
	}
	if !o.HasPrefix(NewOID(1, 3)) || !o.HasPrefix(o) || NewOID(1, 3).HasPrefix(o) || NewOID(1, 31).HasPrefix(NewOID(1, 3)) {
		t.Error("prefix")
	}
	b, err := json.Marshal(map[string]OID{"a": o, "b": {}})
	if err != nil || string(b) != `{"a":"1.3.70000","b":""}` {
		t.Errorf("json %s, %v", b, err)
	}
	var back map[string]OID
	if err := json.Unmarshal(b, &back); err != nil || back["a"] != o || !back["b"].IsZero() {
		t.Errorf("back %v, %v", back, err)
	}
	if json.Unmarshal([]byte(`{"a":"1.x"}`), &back) == nil {
		t.Error("bad text was read")
	}
}

func TestOIDOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genOID(t), genOID(t)
		if got, want := a.Compare(b), slices.Compare(a.SubIDs(), b.SubIDs()); got != want {
			t.Fatalf("%s against %s: %d, want %d", a, b, got, want)
		}
		if (a.Compare(b) == 0) != (a == b) {
			t.Fatalf("%s and %s: == and Compare differ", a, b)
		}
		if back, err := ParseOID(a.String()); !a.IsZero() && (err != nil || back != a) {
			t.Fatalf("%s read back as %s, %v", a, back, err)
		}
	})
}

func TestValues(t *testing.T) {
	o := NewOID(1, 3)
	for _, c := range []struct {
		v    Value
		typ  Type
		text string
	}{
		{Int(-5), Integer, "INTEGER: -5"},
		{Text("a\n"), OctetString, `OCTET STRING: "a\n"`},
		{Bytes([]byte("b")), OctetString, `OCTET STRING: "b"`},
		{NullValue(), Null, "NULL"},
		{ObjectID(o), ObjectIdentifier, "OBJECT IDENTIFIER: 1.3"},
		{IP(netip.MustParseAddr("::ffff:192.0.2.7")), IPAddress, "IpAddress: 192.0.2.7"},
		{IP(netip.MustParseAddr("2001:db8::1")), IPAddress, "IpAddress: 0.0.0.0"},
		{Count32(7), Counter32, "Counter32: 7"},
		{Gauge(8), Gauge32, "Gauge32: 8"},
		{Ticks(9), TimeTicks, "TimeTicks: 9"},
		{OpaqueBytes([]byte{0}), Opaque, `Opaque: "\x00"`},
		{Count64(1 << 63), Counter64, "Counter64: 9223372036854775808"},
		{Exception(NoSuchObject), NoSuchObject, "noSuchObject"},
		{Exception(NoSuchInstance), NoSuchInstance, "noSuchInstance"},
		{Exception(EndOfMibView), EndOfMibView, "endOfMibView"},
		{Exception(Integer), 0, "invalid"},
	} {
		if c.v.Type() != c.typ || c.v.String() != c.text || c.v.valid() != (c.typ != 0) {
			t.Errorf("%s: type %s, valid %v", c.v, c.v.Type(), c.v.valid())
		}
	}
	if Int(-5).Int32() != -5 || Count64(6).Uint64() != 6 || Text("x").Str() != "x" || ObjectID(o).OID() != o ||
		IP(netip.MustParseAddr("192.0.2.7")).Addr() != netip.MustParseAddr("192.0.2.7") {
		t.Error("a value does not come back")
	}
	if Text("x").Int32() != 0 || Int(3).Uint64() != 0 || Int(3).Str() != "" || !Int(3).OID().IsZero() || Int(3).Addr().IsValid() {
		t.Error("an accessor of another type gave something")
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		TypeOpen.String(): "Open", TypeResponse.String(): "Response", PDUType(0).String(): "PDUType(0)", PDUType(19).String(): "PDUType(19)",
		CloseByManager.String(): "byManager", CloseReason(9).String(): "CloseReason(9)",
		NoError.String(): "noError", InconsistentName.String(): "inconsistentName", ErrorStatus(19).String(): "ErrorStatus(19)",
		OpenFailed.String(): "openFailed", ProcessingError.String(): "processingError", ErrorStatus(269).String(): "ErrorStatus(269)",
		Counter64.String(): "Counter64", Type(1).String(): "Type(1)",
		(&ResponseError{TypeRegister, DuplicateRegistration, 0}).Error(): "Register: master answered duplicateRegistration",
		(&ResponseError{TypeNotify, GenErr, 3}).Error():                  "Notify: master answered genErr at varbind 3",
		(&SetError{WrongType, 2}).Error():                                "wrongType at varbind 2",
		VarBind{NewOID(1, 2), Int(3)}.String():                           "1.2 = INTEGER: 3",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
