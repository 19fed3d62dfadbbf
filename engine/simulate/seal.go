// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"encoding/binary"

	"github.com/vigild/vigild/engine/vrrp"
	"github.com/vigild/vigild/engine/vrrp/auth"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// seal proves where an advert comes from, as its instance demands, in all its
// copies: what the loop of the vrrp role does, with the same parts.
func (n *Node) seal(v *vrrp.View, list []*vrrp.Packet) {
	s := v.Settings
	if s.AuthHMAC.Signs() && len(list) > 0 {
		p := append(list[0].Payload, make([]byte, wire.TrailerLen)...) //nolint:gocritic // the copy is wanted
		bond := auth.Bond{Family: s.Family, Version: s.Version, VRID: s.VRID, Source: v.Source}
		trailer := v.Guard.HMAC.Sign(p, bond, n.Wall(n.w.Now))
		for _, p := range list {
			p.Payload = append(p.Payload, trailer...)
		}
	}
	if v.Guard.AH == nil || len(list) == 0 {
		return
	}
	seq := v.Guard.AH.Next()
	for _, p := range list {
		const headLen = 20
		whole := make([]byte, headLen+wire.AHLen, headLen+wire.AHLen+len(p.Payload))
		whole = append(whole, p.Payload...)
		whole[0], whole[8], whole[9] = 0x45, uint8(p.TTL), wire.ProtocolAH
		binary.BigEndian.PutUint16(whole[2:], uint16(len(whole)))
		src, dst := p.Source.As4(), p.Dest.As4()
		copy(whole[12:], src[:])
		copy(whole[16:], dst[:])
		v.Guard.AH.Seal(whole, seq)
		p.Head, p.AH, p.Payload = whole[:headLen], whole[headLen:headLen+wire.AHLen], whole[headLen+wire.AHLen:]
	}
}
