// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package auth is what proves where an advert comes from: the authentication
// header of version 2 (AH) and the signed trailer of auth_hmac (HMAC). A Guard
// is both, for one virtual router.
//
// The machine (engine/vrrp), the loop that sends (engine/run) and config, which
// fills Settings, import it; it imports event and wire.
//
// It must never read a clock, draw a random number or do I/O: the time comes
// as an argument, keys come from config. It must never show a key.
package auth
