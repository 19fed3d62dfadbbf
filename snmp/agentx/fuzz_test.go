// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// FuzzDecode feeds bytes to everything that reads what a master sends: the
// decoder, whose result must survive encoding, and the paths that answer.
func FuzzDecode(f *testing.F) {
	lim := Limits{MaxPayload: 1 << 16, MaxVarBinds: 64}
	snap, err := NewSnapshot([]VarBind{
		{NewOID(1, 3, 6, 1, 2, 1, 1, 1, 0), Text("x")}, {NewOID(1, 3, 6, 1, 2, 1, 2), IP(netip.AddrFrom4([4]byte{}))},
	}, []OID{NewOID(1, 3, 6, 1, 2, 1, 1, 1)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := DecodeHeader(b, lim)
		if err != nil {
			return
		}
		m, n, err := Decode(b, lim)
		switch {
		case errors.Is(err, ErrShort):
			return
		case err == nil && n != HeaderLen+h.PayloadLen:
			t.Fatalf("%d bytes consumed of %d", n, HeaderLen+h.PayloadLen)
		case err == nil:
			again, err := AppendMessage(nil, m)
			if err != nil {
				t.Fatalf("%+v cannot be encoded: %v", m, err)
			}
			back, _, err := Decode(again, DefaultLimits)
			if err != nil || !reflect.DeepEqual(back, m) {
				t.Fatalf("%+v became %+v: %v", m, back, err)
			}
		}
		switch h.Type { //nolint:exhaustive // the others are not answered with variables
		case TypeGet, TypeGetNext, TypeGetBulk:
			s := newTestServer(HandlerFunc(func(string) *Snapshot { return snap }))
			s.limits = lim
			w := writer{b: []byte("before")}
			serveErr := s.serve(&w, h, b[HeaderLen:HeaderLen+h.PayloadLen], time.Unix(1, 0))
			if (serveErr == nil) != (err == nil) {
				t.Fatalf("decode says %v, serve says %v", err, serveErr)
			}
			if serveErr == nil {
				if _, _, err := Decode(bytes.TrimPrefix(w.b, []byte("before")), Limits{1 << 20, 1 << 16}); err != nil {
					t.Fatalf("the response: %v", err)
				}
			}
		default:
			if err == nil {
				s := setter{handler: &memory{}, timeout: time.Second}
				s.handle(t.Context(), m, time.Unix(1, 0))
				s.close()
			}
		}
	})
}
