// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"testing"

	"golang.org/x/net/bpf"
)

// TestOnlyVRID runs the socket filter over packets as raw sockets see them.
func TestOnlyVRID(t *testing.T) {
	ip4 := func(options int, rest ...byte) []byte {
		b := make([]byte, 20+4*options)
		b[0] = byte(0x45 + options)
		return append(b, rest...)
	}
	ah := func(words int, rest ...byte) []byte {
		b := make([]byte, 4*(words+2))
		b[0], b[1] = 112, byte(words)
		return append(b, rest...)
	}
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
			var code []bpf.Instruction
			for _, i := range onlyVRID(c.family, 51, c.ah) {
				code = append(code, bpf.RawInstruction{Op: i.Code, Jt: i.Jt, Jf: i.Jf, K: i.K}.Disassemble())
			}
			vm, err := bpf.NewVM(code)
			if err != nil {
				t.Fatal(err)
			}
			n, err := vm.Run(c.packet)
			if err != nil || (n > 0) != c.passes {
				t.Errorf("%d bytes pass (%v), want passing %v", n, err, c.passes)
			}
		})
	}
}
