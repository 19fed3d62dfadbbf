// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"slices"

	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
	"github.com/vigild/vigild/engine/vrrp/auth"
)

// seal proves where one advert comes from, as its instance demands. compat: the
// copies for several peers share one sequence number or signature.
func (b *beats) seal(v *vrrp.View, frames []*raw.Frame) {
	signs := v.Settings.AuthHMAC.Signs()
	if len(frames) == 0 || v.Guard.AH == nil && !signs {
		return
	}
	if slices.ContainsFunc(frames, b.sender.Waiting) {
		b.flush() // what was sealed before must go out as it is
	}
	if signs {
		p := frames[0].Payload()
		trailer := v.Guard.HMAC.Sign(p, auth.Bond{
			Family: v.Settings.Family, Version: v.Settings.Version, VRID: v.Settings.VRID, Source: v.Source,
		}, b.clock.Wall(b.clock.Last()))
		for _, f := range frames {
			f.PutTrailer(trailer)
		}
	}
	if v.Guard.AH == nil {
		return
	}
	seq := v.Guard.AH.Next()
	for _, f := range frames {
		f.Stamp()
		v.Guard.AH.Seal(f.Packet(), seq)
	}
}
