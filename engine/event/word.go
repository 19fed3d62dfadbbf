// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import "fmt"

// word finds s in a closed list; the index is the enum's value.
func word[T ~uint8](list []string, s []byte, what string) (T, error) {
	for i, w := range list {
		if w == string(s) {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("%s %q is not one of %d known words", what, s, len(list))
}

func wordOf[T ~uint8](list []string, v T) string {
	if int(v) < len(list) {
		return list[v]
	}
	return "unknown"
}
