// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package auth

import "time"

// Settings is auth_hmac of one instance, as config checked it.
type Settings struct {
	// Keys are told apart by their ID.
	Keys []Key
	// Active is the ID of the key that signs.
	Active uint8
	// Window is how far the clocks may be apart, 1 to 300 s in whole seconds.
	Window time.Duration
	// Monotonic only asks that the sequence of each sender grows, whatever the
	// clocks say (anti_replay monotonic).
	Monotonic bool
	Mode      Mode
}

// Key is one shared secret.
type Key struct {
	// ID is 1 to 255.
	ID uint8
	// Secret is 32 to 64 bytes.
	Secret []byte
}

// The shortest and the longest Secret in bytes.
const (
	SecretLeast = 32
	SecretMost  = 64
)

// Mode is who must sign.
type Mode uint8

// The modes.
const (
	// Enforce signs, and refuses what is not signed.
	Enforce Mode = iota
	// Permissive signs, and accepts what is not signed.
	Permissive
	// ReceiveOnly does not sign, and accepts what is not signed.
	ReceiveOnly
)

// Signs says whether adverts of ours are signed. A nil Settings signs nothing.
func (s *Settings) Signs() bool { return s != nil && s.Mode != ReceiveOnly }
