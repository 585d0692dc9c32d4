//! The envelope: DSSE v1.0.2 (secure-systems-lab/dsse), several signatures possible.
//!
//! Floor 5, pure. The file is the canonical JSON of the envelope, so that every byte of it means
//! something: white space, other base64 spellings and unknown fields are refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{CertificateError, ENVELOPE_BYTES_MAX, Signer, canonical, read_canonical};
use crate::digest::Digest32;

/// Signatures of more keys are not looked at.
const SIGNATURES_MAX: usize = 16;

/// Bytes, what they are, and who signed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub payload_type: String,
    pub payload: Vec<u8>,
    pub signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// A hint which key it is; trust comes from the trust root.
    pub keyid: Digest32,
    pub signature: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EnvelopeDocument {
    payload: String,
    payload_type: String,
    signatures: Vec<SignatureDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureDocument {
    keyid: Digest32,
    sig: String,
}

impl Envelope {
    /// Signs the payload with each of the signers.
    ///
    /// # Errors
    /// If a signer cannot sign.
    pub fn sign(
        payload_type: &str,
        payload: Vec<u8>,
        signers: &[&dyn Signer],
    ) -> Result<Self, CertificateError> {
        let message = pre_authentication_encoding(payload_type, &payload);
        let signatures = signers
            .iter()
            .map(|signer| {
                let signature = signer.sign(&message)?;
                let keyid = signer.public_key().keyid();
                // A signature is checked before it leaves: a faulty key store must not be published.
                if signer.public_key().verify(&message, &signature) {
                    Ok(EnvelopeSignature { keyid, signature })
                } else {
                    Err(CertificateError::BadSignature { keyid: keyid.hex() })
                }
            })
            .collect::<Result<Vec<_>, CertificateError>>()?;
        Ok(Self { payload_type: payload_type.to_owned(), payload, signatures })
    }

    /// Reads an envelope file.
    ///
    /// # Errors
    /// If it is too large, of another shape, or not in canonical form.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let document: EnvelopeDocument = read_canonical(bytes, ENVELOPE_BYTES_MAX)?;
        if document.signatures.len() > SIGNATURES_MAX {
            return Err(CertificateError::TooLarge { most: SIGNATURES_MAX });
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| CertificateError::NotCanonical);
        let signatures = document
            .signatures
            .iter()
            .map(|each| Ok(EnvelopeSignature { keyid: each.keyid, signature: decode(&each.sig)? }))
            .collect::<Result<_, CertificateError>>()?;
        Ok(Self { payload: decode(&document.payload)?, payload_type: document.payload_type, signatures })
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// Never for an envelope that was signed or parsed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CertificateError> {
        canonical(&EnvelopeDocument {
            payload: STANDARD.encode(&self.payload),
            payload_type: self.payload_type.clone(),
            signatures: self
                .signatures
                .iter()
                .map(|each| SignatureDocument { keyid: each.keyid, sig: STANDARD.encode(&each.signature) })
                .collect(),
        })
    }

    /// The bytes that are signed.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        pre_authentication_encoding(&self.payload_type, &self.payload)
    }
}

/// DSSE's PAE: `"DSSEv1" SP LEN(type) SP type SP LEN(body) SP body`.
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_dsse_protocol_document() {
        assert_eq!(
            pre_authentication_encoding("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn one_envelope_has_one_spelling() {
        let keyid = Digest32::of(b"key");
        let good = format!(
            r#"{{"payload":"aGk=","payloadType":"t","signatures":[{{"keyid":"{keyid}","sig":"c2ln"}}]}}"#
        );
        let envelope = Envelope::parse(good.as_bytes()).expect("canonical");
        assert_eq!(envelope.payload, b"hi");
        assert_eq!(envelope.to_bytes().expect("bytes"), good.as_bytes());
        for bad in [
            format!("{good}\n"),
            good.replace("aGk=", "aGl="),
            good.replace("aGk=", "aGk"),
            good.replace(r#""t""#, r#""\u0074""#),
            good.replace(r#""payloadType":"t","#, r#""payloadType":"t","x":1,"#),
            good.replace("aGk=", "a-_="),
        ] {
            assert!(Envelope::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = "[".repeat(200_000);
        assert!(Envelope::parse(deep.as_bytes()).is_err());
    }
}
