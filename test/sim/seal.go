// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/vrrp"
	"github.com/vigild/vigild/engine/vrrp/auth"
)

// hmac reads KEY[+KEY...][/permissive|/receive_only]: the first key, a number
// from 1 to 9, signs. The secret of a key is its number over and over; KEYx has
// another one.
func hmac(s *vrrp.InstanceSettings, v string) error {
	text, mode, _ := strings.Cut(v, "/")
	set := &auth.Settings{Window: 10 * time.Second}
	switch mode {
	case "":
	case "permissive":
		set.Mode = auth.Permissive
	case "receive_only":
		set.Mode = auth.ReceiveOnly
	default:
		return fmt.Errorf("nobody signs %q", mode)
	}
	for i, key := range strings.Split(text, "+") {
		if key == "" || key[0] < '1' || key[0] > '9' {
			return fmt.Errorf("no key is called %q", key)
		}
		id := key[0] - '0'
		if i == 0 {
			set.Active = id
		}
		set.Keys = append(set.Keys, auth.Key{ID: id, Secret: bytes.Repeat([]byte(key), auth.SecretLeast)[:auth.SecretLeast]})
	}
	s.AuthHMAC = set
	return nil
}
