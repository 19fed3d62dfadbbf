// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"strings"
)

// suggestMax bounds the names that an error lists.
const suggestMax = 10

// suggest says which name was probably meant, or which names there are.
func suggest(name string, known []string) string {
	if len(known) == 0 {
		return "nothing of the kind is configured; look at vigilctl status"
	}
	best, distance := "", len(name)/2+2
	for _, k := range known {
		if d := edits(strings.ToLower(name), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	if len(known) > suggestMax {
		return fmt.Sprintf("there are %s and %d more", strings.Join(known[:suggestMax], ", "), len(known)-suggestMax)
	}
	return "there are " + strings.Join(known, ", ")
}

// edits counts the characters to change, add or remove to turn a into b
// (Levenshtein). Longer names than any configuration has are not compared.
func edits(a, b string) int {
	const longest = 256
	if len(a) > longest || len(b) > longest {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
