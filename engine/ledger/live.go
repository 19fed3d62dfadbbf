// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

// live is a value that is changed in place until a View shares it, and copied
// at the first change after that.
type live[T any] struct {
	value  *T
	shared bool
}

// edit returns the value for writing.
func (c *live[T]) edit() *T {
	if c.value == nil {
		c.value = new(T)
	}
	if c.shared {
		fresh := *c.value
		c.value, c.shared = &fresh, false
	}
	return c.value
}

// share returns the value for reading, for ever.
func (c *live[T]) share() *T {
	if c.value == nil {
		c.value = new(T)
	}
	c.shared = true
	return c.value
}

// section is an ordered list of live values found by key.
type section[T any] struct {
	keys  map[string]int
	items []live[T]
	out   []*T
}

// find returns the place of key, -1 if there is none.
func (s *section[T]) find(key string) int {
	if i, ok := s.keys[key]; ok {
		return i
	}
	return -1
}

// add appends a value under key, which must be new.
func (s *section[T]) add(key string, v *T) int {
	if s.keys == nil {
		s.keys = map[string]int{}
	}
	s.keys[key] = len(s.items)
	s.items = append(s.items, live[T]{value: v})
	s.out = nil
	return len(s.items) - 1
}

// at returns the value at i for reading.
func (s *section[T]) at(i int) *T { return s.items[i].value }

// edit returns the value at i for writing.
func (s *section[T]) edit(i int) *T {
	s.out = nil
	return s.items[i].edit()
}

// share returns the list for reading; it is nil when empty.
func (s *section[T]) share() []*T {
	if s.out == nil && len(s.items) > 0 {
		s.out = make([]*T, len(s.items))
		for i := range s.items {
			s.out[i] = s.items[i].share()
		}
	}
	return s.out
}
