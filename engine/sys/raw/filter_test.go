// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ip4 is what an IPv4 raw socket sees of a packet, with words of IP options.
func ip4(options int, rest ...byte) []byte {
	b := make([]byte, 20+4*options)
	b[0] = byte(0x45 + options)
	return append(b, rest...)
}

// ah is a packet behind an authentication header.
func ah(words int, rest ...byte) []byte {
	b := make([]byte, 4*(words+2))
	b[0], b[1] = 112, byte(words)
	return append(b, rest...)
}

// passes runs a socket filter over a packet.
func passes(t *testing.T, filter []unix.SockFilter, packet []byte) bool {
	t.Helper()
	var code []bpf.Instruction
	for _, i := range filter {
		code = append(code, bpf.RawInstruction{Op: i.Code, Jt: i.Jt, Jf: i.Jf, K: i.K}.Disassemble())
	}
	vm, err := bpf.NewVM(code)
	if err != nil {
		t.Fatal(err)
	}
	n, err := vm.Run(packet)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// TestOnlyVRID runs the socket filter over packets as raw sockets see them.
func TestOnlyVRID(t *testing.T) {
	for name, c := range map[string]struct {
		family uint8
		ah     bool
		packet []byte
		passes bool
	}{
		"ours":                     {4, false, ip4(0, 0x31, 51, 100), true},
		"another":                  {4, false, ip4(0, 0x31, 52, 100), false},
		"ours behind options":      {4, false, ip4(3, 0x31, 51, 100), true},
		"another behind options":   {4, false, ip4(3, 0x31, 50, 100), false},
		"ours, IPv6":               {6, false, []byte{0x31, 51, 100}, true},
		"another, IPv6":            {6, false, []byte{0x31, 52, 100}, false},
		"ours behind AH":           {4, true, ip4(0, ah(4, 0x21, 51, 100)...), true},
		"another behind AH":        {4, true, ip4(0, ah(4, 0x21, 52, 100)...), false},
		"ours behind a longer AH":  {6, true, ah(7, 0x21, 51, 100), true},
		"cut short":                {4, false, ip4(0, 0x31), false},
		"header cut short":         {4, true, ip4(0, 112), false},
		"an AH longer than itself": {4, true, ip4(0, 112, 255, 0, 0), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := passes(t, onlyVRID(c.family, 51, c.ah), c.packet); got != c.passes {
				t.Errorf("passes: %v, want %v", got, c.passes)
			}
		})
	}
}

// TestUrgent tries every virtual router against several sets, with priorities
// and headers of all kinds.
func TestUrgent(t *testing.T) {
	for name, ids := range map[string][]uint8{
		"none": nil, "one": {51}, "the ends": {1, 255}, "words": {31, 32, 33, 63, 64, 95, 224}, "zero": {0},
	} {
		t.Run(name, func(t *testing.T) {
			var of VRIDs
			in := map[uint8]bool{}
			for _, id := range ids {
				of.Add(id)
				in[id] = true
			}
			for id := range 256 {
				for _, priority := range []byte{0, 1, 100, 255} {
					want := priority == 0 || in[uint8(id)]
					advert := []byte{0x31, byte(id), priority}
					for how, got := range map[string]bool{
						"IPv4":            passes(t, urgent(4, false, &of), ip4(0, advert...)),
						"IPv4 options":    passes(t, urgent(4, false, &of), ip4(2, advert...)),
						"IPv4 behind AH":  passes(t, urgent(4, true, &of), ip4(0, ah(4, advert...)...)),
						"IPv6":            passes(t, urgent(6, false, &of), advert),
						"a longer advert": passes(t, urgent(6, false, &of), append(advert, make([]byte, 40)...)),
					} {
						if got != want {
							t.Fatalf("%s: virtual router %d, priority %d: passes: %v, want %v", how, id, priority, got, want)
						}
					}
				}
			}
		})
	}
	if passes(t, urgent(4, false, &VRIDs{}), ip4(0, 0x31, 51)) {
		t.Error("a packet that is cut off passes")
	}
}
