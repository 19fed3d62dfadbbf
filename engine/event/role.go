// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

// Role is a part of vigild that runs as a process of its own.
type Role uint8

// The roles.
const (
	RoleParent Role = iota
	RoleVRRP
	RoleCheck
	RoleObserve
	RoleBFD
)

var roleWords = []string{"parent", "vrrp", "check", "observe", "bfd"}

func (r Role) String() string { return wordOf(roleWords, r) }

// MarshalText implements encoding.TextMarshaler.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Role) UnmarshalText(b []byte) (err error) {
	*r, err = word[Role](roleWords, b, "role")
	return err
}
