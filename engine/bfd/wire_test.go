// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// good is a packet as bfdd of FRR sends it: Up, Poll, multiplier 3, 300 ms.
const good = "20e0031800000001000000020004" + "93e0000493e00000c350"

func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParse(t *testing.T) {
	c, refusal := Parse(bytesOf(t, good))
	want := Control{
		State: Up, Poll: true, Multiplier: 3, MyDiscriminator: 1, YourDiscriminator: 2,
		DesiredMinTx: 300 * time.Millisecond, RequiredMinRx: 300 * time.Millisecond, RequiredMinEchoRx: 50 * time.Millisecond,
	}
	if refusal != Accepted || c != want {
		t.Fatalf("got %+v, %q", c, refusal)
	}
	if b := c.Bytes(); hex.EncodeToString(b[:]) != good {
		t.Errorf("back to %x", b)
	}
}

// Each packet differs from the good one in one place.
func TestParseRefuses(t *testing.T) {
	set := func(at int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[at] = v; return b }
	}
	for _, c := range []struct {
		name string
		do   func([]byte) []byte
		want Refusal
	}{
		{"as it is", func(b []byte) []byte { return b }, Accepted},
		{"padding after it", func(b []byte) []byte { return append(b, 0, 0) }, Accepted},
		{"nothing", func([]byte) []byte { return nil }, RefusedLength},
		{"cut short", func(b []byte) []byte { return b[:23] }, RefusedLength},
		{"says it is shorter", set(3, 23), RefusedLength},
		{"says it is longer", set(3, 25), RefusedLength},
		{"version 0", set(0, 0x00), RefusedVersion},
		{"version 2", set(0, 0x40), RefusedVersion},
		{"authenticated", set(1, 0xe4), RefusedAuth},
		{"multipoint", set(1, 0xe1), RefusedMalformed},
		{"poll and final", set(1, 0xf0), RefusedMalformed},
		{"multiplier 0", set(2, 0), RefusedMalformed},
		{"no discriminator", set(7, 0), RefusedMalformed},
		{"up with nobody", set(11, 0), RefusedMalformed},
		{"down with nobody", func(b []byte) []byte { b[1], b[11] = 0x40, 0; return b }, Accepted},
		{"demand", set(1, 0xe2), Accepted},
		{"a diagnostic nobody knows", set(0, 0x3f), Accepted},
	} {
		if _, got := Parse(c.do(bytesOf(t, good))); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWords(t *testing.T) {
	if Diag(31).String() != "reserved diagnostic" || DetectionTimeExpired.String() != "control detection time expired" || Up.String() != "Up" {
		t.Error(Diag(31), DetectionTimeExpired, Up)
	}
	if len(diagWords) != int(ReverseConcatenatedPathDown)+1 || int(RefusedTTL-RefusedLength) != event.BFDStrayCount || RefusedNeighbor.String() != "neighbor" || RefusedTTL.String() != "ttl" {
		t.Error("a word is missing")
	}
}

func TestIntervalsOutOfRange(t *testing.T) {
	c := Control{State: Down, Multiplier: 1, MyDiscriminator: 1, DesiredMinTx: -time.Second, RequiredMinRx: 100 * time.Hour}
	b := c.Bytes()
	got, _ := Parse(b[:])
	if got.DesiredMinTx != 0 || got.RequiredMinRx != 4294967295*time.Microsecond {
		t.Errorf("got %+v", got)
	}
}

// FuzzParse: what is accepted keeps to the protocol and survives the way back.
func FuzzParse(f *testing.F) {
	f.Add(bytesOf(f, good))
	f.Add(bytesOf(f, "2040031800000001000000000004"+"93e0000493e00000c350"))
	f.Add(bytesOf(f, "20c4051a0000000100000002000027100000271000000000"+"0100"))
	f.Add(bytesOf(f, "27d8ff18ffffffffffffffffffffffffffffffffffffffff"))
	f.Add([]byte{0x20, 0xc0, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, refusal := Parse(b)
		if refusal >= refusals {
			t.Fatalf("refusal %d", refusal)
		}
		if refusal != Accepted {
			if c != (Control{}) {
				t.Fatalf("%q left %+v", refusal, c)
			}
			return
		}
		again := c.Bytes()
		if d, refusal := Parse(again[:]); refusal != Accepted || d != c {
			t.Fatalf("%+v came back as %+v, %q", c, d, refusal)
		}
	})
}
