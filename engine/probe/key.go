// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"hash"
)

// A private key may be encrypted in the two ways OpenSSL writes: by headers of PEM (RFC 1421), and as PKCS #8 with
// PBES2 (RFC 8018), which the standard library does not read.

// Object identifiers of PBES2, as text.
const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
)

var prfs = map[string]func() hash.Hash{
	"":                    sha1.New,
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.9":  sha256.New,
	"1.2.840.113549.2.10": sha512.New384,
	"1.2.840.113549.2.11": sha512.New,
}

var keySizes = map[string]int{
	"2.16.840.1.101.3.4.1.2":  16,
	"2.16.840.1.101.3.4.1.22": 24,
	"2.16.840.1.101.3.4.1.42": 32,
}

type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2 struct {
	KDF, Scheme pkix.AlgorithmIdentifier
}

type pbkdf2Parameters struct {
	Salt   []byte
	Rounds int
	Length int                      `asn1:"optional"`
	PRF    pkix.AlgorithmIdentifier `asn1:"optional"`
}

// decrypt gives the key in the clear, as PEM. One that is not encrypted is given back as it is.
func decrypt(text []byte, password string) ([]byte, error) {
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return text, nil
	case block.Type == "ENCRYPTED PRIVATE KEY":
		der, err := openPKCS8(block.Bytes, password)
		if err != nil {
			return nil, err
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
	case block.Headers["DEK-Info"] != "":
		der, err := x509.DecryptPEMBlock(block, []byte(password)) //nolint:staticcheck // insecure as it is, it is what such files hold
		if err != nil {
			return nil, errNoPassword
		}
		return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}), nil
	}
	return text, nil
}

// openPKCS8 decrypts an EncryptedPrivateKeyInfo.
func openPKCS8(der []byte, password string) ([]byte, error) {
	var info encryptedKey
	var p pbes2
	var kdf pbkdf2Parameters
	var iv []byte
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("read it: %w", err)
	}
	if info.Algorithm.Algorithm.String() != oidPBES2 {
		return nil, fmt.Errorf("it is encrypted by %s, not by PBES2", info.Algorithm.Algorithm)
	}
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &p); err != nil {
		return nil, fmt.Errorf("read its parameters: %w", err)
	}
	if _, err := asn1.Unmarshal(p.Scheme.Parameters.FullBytes, &iv); err != nil || len(iv) != aes.BlockSize {
		return nil, fmt.Errorf("its cipher %s has no start", p.Scheme.Algorithm)
	}
	if _, err := asn1.Unmarshal(p.KDF.Parameters.FullBytes, &kdf); err != nil || p.KDF.Algorithm.String() != oidPBKDF2 {
		return nil, fmt.Errorf("its key derivation is %s, not PBKDF2", p.KDF.Algorithm)
	}
	prf, size := prfs[kdf.PRF.Algorithm.String()], keySizes[p.Scheme.Algorithm.String()]
	const mostRounds = 10_000_000
	if prf == nil || size == 0 || kdf.Rounds < 1 || kdf.Rounds > mostRounds {
		return nil, fmt.Errorf("it is encrypted by %s with %s and %d rounds", p.Scheme.Algorithm, kdf.PRF.Algorithm, kdf.Rounds)
	}
	key, err := pbkdf2.Key(prf, password, kdf.Salt, kdf.Rounds, size)
	if err != nil {
		return nil, err
	}
	return unpad(key, iv, info.Data)
}

// unpad decrypts by AES-CBC and takes the padding away.
func unpad(key, iv, data []byte) ([]byte, error) {
	c, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return nil, errNoPassword
	}
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(c, iv).CryptBlocks(out, data)
	n := int(out[len(out)-1])
	if n == 0 || n > aes.BlockSize || !bytes.Equal(out[len(out)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errNoPassword
	}
	return out[:len(out)-n], nil
}
