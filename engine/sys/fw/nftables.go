// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package fw

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// What we need of linux/netfilter/nf_tables.h.
const (
	subsystem = unix.NFNL_SUBSYS_NFTABLES << 8

	newTable   = subsystem | unix.NFT_MSG_NEWTABLE
	delTable   = subsystem | unix.NFT_MSG_DELTABLE
	newChain   = subsystem | unix.NFT_MSG_NEWCHAIN
	newRule    = subsystem | unix.NFT_MSG_NEWRULE
	newSet     = subsystem | unix.NFT_MSG_NEWSET
	newSetElem = subsystem | unix.NFT_MSG_NEWSETELEM
	delSetElem = subsystem | unix.NFT_MSG_DELSETELEM

	attrTableName = unix.NFTA_TABLE_NAME
)

// The names of what is in the table.
const (
	chainName, set4, set6 = "input", "addresses4", "addresses6"
)

type attr struct {
	kind uint16
	data []byte
}

func raw(kind uint16, b []byte) attr { return attr{kind, b} }
func str(kind uint16, s string) attr { return attr{kind, append([]byte(s), 0)} }
func u32(kind uint16, v uint32) attr { return attr{kind, binary.BigEndian.AppendUint32(nil, v)} }

func nest(kind uint16, list ...attr) attr {
	var b []byte
	for _, a := range list {
		b = appendAttr(b, a)
	}
	return attr{kind | unix.NLA_F_NESTED, b}
}

func appendAttr(b []byte, a attr) []byte {
	e := binary.NativeEndian
	b = e.AppendUint16(b, uint16(4+len(a.data)))
	b = e.AppendUint16(b, a.kind)
	b = append(b, a.data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// batch is one transaction.
type batch struct {
	messages [][]byte
}

// message adds one message about the inet family.
func (b *batch) message(kind, flags uint16, attrs ...attr) {
	b.add(kind, flags, unix.NFPROTO_INET, 0, attrs...)
}

func (b *batch) add(kind, flags uint16, family byte, resource uint16, attrs ...attr) {
	e := binary.NativeEndian
	m := e.AppendUint32(nil, 0)
	m = e.AppendUint16(m, kind)
	m = e.AppendUint16(m, flags|unix.NLM_F_REQUEST)
	m = append(m, make([]byte, 8)...) // sequence number below, port
	m = append(m, family, unix.NFNETLINK_V0)
	m = binary.BigEndian.AppendUint16(m, resource)
	for _, a := range attrs {
		m = appendAttr(m, a)
	}
	e.PutUint32(m, uint32(len(m)))
	b.messages = append(b.messages, m)
}

// finish puts the transaction between its brackets and numbers it from seq.
// first and last are the numbers of the messages; the last is acknowledged.
func (b *batch) finish(seq uint32) (out []byte, first, last uint32) {
	body := b.messages
	b.messages = nil
	b.add(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)
	b.messages = append(b.messages, body...)
	b.add(unix.NFNL_MSG_BATCH_END, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)
	e := binary.NativeEndian
	first, last = seq, seq+uint32(len(body))
	for i, m := range b.messages {
		e.PutUint32(m[8:], seq+uint32(i))
		if i == len(body) {
			e.PutUint16(m[6:], e.Uint16(m[6:])|unix.NLM_F_ACK)
		}
		out = append(out, m...)
	}
	return out, first, last
}

// elements adds addresses to the sets, or removes them.
func (b *batch) elements(kind uint16, addrs []netip.Addr) {
	flags := uint16(0)
	if kind == newSetElem {
		flags = unix.NLM_F_CREATE
	}
	for _, family := range [...]struct {
		name string
		is6  bool
	}{{set4, false}, {set6, true}} {
		var elems []attr
		for _, a := range addrs {
			if a.Is6() == family.is6 {
				elems = append(elems, nest(unix.NFTA_LIST_ELEM,
					nest(unix.NFTA_SET_ELEM_KEY, raw(unix.NFTA_DATA_VALUE, a.AsSlice()))))
			}
		}
		// An attribute holds 64 KiB at most.
		const most = 1000
		for len(elems) > 0 {
			n := min(most, len(elems))
			b.message(kind, flags, str(unix.NFTA_SET_ELEM_LIST_TABLE, Table), str(unix.NFTA_SET_ELEM_LIST_SET, family.name),
				nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS, elems[:n]...))
			elems = elems[n:]
		}
	}
}

// table creates the table afresh: two sets, one chain, its rules.
func (b *batch) table() {
	// Creating before deleting makes the deletion succeed in any case.
	b.message(newTable, unix.NLM_F_CREATE, str(attrTableName, Table))
	b.message(delTable, 0, str(attrTableName, Table))
	b.message(newTable, unix.NLM_F_CREATE, str(attrTableName, Table))
	b.set(set4, 7, 4, 1)  // 7 is nft's type number of an IPv4 address,
	b.set(set6, 8, 16, 2) // 8 that of an IPv6 address
	b.message(newChain, unix.NLM_F_CREATE, str(unix.NFTA_CHAIN_TABLE, Table), str(unix.NFTA_CHAIN_NAME, chainName),
		nest(unix.NFTA_CHAIN_HOOK, u32(unix.NFTA_HOOK_HOOKNUM, unix.NF_INET_LOCAL_IN), u32(unix.NFTA_HOOK_PRIORITY, 0)),
		str(unix.NFTA_CHAIN_TYPE, "filter"), u32(unix.NFTA_CHAIN_POLICY, 1))
	const ipv4Dest, ipv6Dest = 16, 24
	b.rule(append(isFamily(unix.NFPROTO_IPV4), load(unix.NFT_PAYLOAD_NETWORK_HEADER, ipv4Dest, 4), lookup(set4), verdict(nfDrop))...)
	// RFC 9568 section 6.4.3: neighbour discovery is never dropped.
	for kind := byte(135); kind <= 136; kind++ {
		icmp := append(isFamily(unix.NFPROTO_IPV6), meta(unix.NFT_META_L4PROTO), equal([]byte{unix.IPPROTO_ICMPV6}))
		b.rule(append(icmp, load(unix.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1), equal([]byte{kind}), verdict(nfAccept))...)
	}
	b.rule(append(isFamily(unix.NFPROTO_IPV6), load(unix.NFT_PAYLOAD_NETWORK_HEADER, ipv6Dest, 16), lookup(set6), verdict(nfDrop))...)
}

func (b *batch) set(name string, keyType, keyLen, id uint32) {
	b.message(newSet, unix.NLM_F_CREATE, str(unix.NFTA_SET_TABLE, Table), str(unix.NFTA_SET_NAME, name),
		u32(unix.NFTA_SET_FLAGS, 0), u32(unix.NFTA_SET_KEY_TYPE, keyType), u32(unix.NFTA_SET_KEY_LEN, keyLen), u32(unix.NFTA_SET_ID, id))
}

func (b *batch) rule(exprs ...attr) {
	b.message(newRule, unix.NLM_F_CREATE|unix.NLM_F_APPEND, str(unix.NFTA_RULE_TABLE, Table), str(unix.NFTA_RULE_CHAIN, chainName),
		nest(unix.NFTA_RULE_EXPRESSIONS, exprs...))
}

const (
	nfDrop, nfAccept = 0, 1
	register         = unix.NFT_REG_1
)

func expr(name string, attrs ...attr) attr {
	return nest(unix.NFTA_LIST_ELEM, str(unix.NFTA_EXPR_NAME, name), nest(unix.NFTA_EXPR_DATA, attrs...))
}

func meta(key uint32) attr {
	return expr("meta", u32(unix.NFTA_META_KEY, key), u32(unix.NFTA_META_DREG, register))
}

func equal(v []byte) attr {
	return expr("cmp", u32(unix.NFTA_CMP_SREG, register), u32(unix.NFTA_CMP_OP, unix.NFT_CMP_EQ),
		nest(unix.NFTA_CMP_DATA, raw(unix.NFTA_DATA_VALUE, v)))
}

func isFamily(proto byte) []attr { return []attr{meta(unix.NFT_META_NFPROTO), equal([]byte{proto})} }

func load(base, offset, n uint32) attr {
	return expr("payload", u32(unix.NFTA_PAYLOAD_DREG, register), u32(unix.NFTA_PAYLOAD_BASE, base),
		u32(unix.NFTA_PAYLOAD_OFFSET, offset), u32(unix.NFTA_PAYLOAD_LEN, n))
}

func lookup(set string) attr {
	return expr("lookup", str(unix.NFTA_LOOKUP_SET, set), u32(unix.NFTA_LOOKUP_SREG, register))
}

func verdict(code uint32) attr {
	return expr("immediate", u32(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT),
		nest(unix.NFTA_IMMEDIATE_DATA, nest(unix.NFTA_DATA_VERDICT, u32(unix.NFTA_VERDICT_CODE, code))))
}
