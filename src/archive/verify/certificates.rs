//! Each certificate: signature, content, place, proof, view and intent.
//!
//! Floor 5. A certificate whose envelope does not hold is not looked at further.

use super::{Audit, CertificateSummary, Kind, Relation, RelationKind, Residual, read_file};
use crate::archive::entry::LogEntry;
use crate::archive::layout::{ArchivePath, CertificatePart, CertificatePlace};
use crate::archive::proof::proof_text;
use crate::certificate::{ENVELOPE_BYTES_MAX, VerifiedCertificate};

impl Audit<'_> {
    /// Checks every certificate folder.
    pub(super) fn certificates(&mut self) {
        let inventory = self.inventory;
        let parts = inventory.certificates.keys().flat_map(|place| {
            CertificatePart::ALL.map(|part| ArchivePath::Certificate(place.clone(), part).to_string())
        });
        self.files.will_read(parts.collect());
        for place in inventory.certificates.keys() {
            self.certificate(place);
        }
    }

    fn certificate(&mut self, place: &CertificatePlace) {
        let path = |part| ArchivePath::Certificate(place.clone(), part);
        let read: Vec<_> = CertificatePart::ALL
            .into_iter()
            .map(|part| read_file(self.files, &path(part), ENVELOPE_BYTES_MAX, self.report))
            .collect();
        let [envelope, proof, html] = read.as_slice() else { return };
        let Some(envelope) = envelope else { return };
        let verified = match self.trust_root.verify(envelope) {
            Ok(verified) => verified,
            Err(error) => {
                self.report.error("certificate_invalid", path(CertificatePart::Envelope), error);
                return;
            }
        };
        let predicate = &verified.statement.predicate;
        if CertificatePlace::new(predicate.certificate_id.clone(), predicate.issued_at) != *place {
            let message = "another certificate's folder, by its id or its month";
            self.report.error("certificate_misplaced", path(CertificatePart::Envelope), message);
        }
        if html.as_ref().is_some_and(|html| html != (self.render)(&verified).as_bytes()) {
            let message = "not the view of the certificate beside it (or made by another version)";
            self.report.error("view_differs", path(CertificatePart::Html), message);
        }
        let entry = LogEntry::Certificate(verified.envelope_digest);
        self.logged.insert(verified.envelope_digest, predicate.certificate_id.clone());
        let Some(log_index) = self.log.places.get(&entry).copied() else {
            let message = "the log has no entry for it: added or changed afterwards";
            self.report.error("certificate_not_in_log", path(CertificatePart::Envelope), message);
            return;
        };
        if proof.as_ref().is_some_and(|proof| Some(proof) != self.proof(log_index).as_ref()) {
            let message = "not the inclusion proof at the checkpoint of its publication";
            self.report.error("proof_differs", path(CertificatePart::Proof), message);
        }
        self.intent(&verified, log_index, &path(CertificatePart::Envelope));
        let evidence = &predicate.evidence;
        self.report.certificates.push(CertificateSummary {
            id: predicate.certificate_id.clone(),
            path: path(CertificatePart::Envelope).to_string(),
            issued_at: predicate.issued_at,
            outcome: predicate.outcome,
            records: predicate.evidence.record_set.count,
            log_index,
            keyids: verified.keyids.clone(),
            kind: evidence.kind,
            relates_to: predicate.relates_to.clone(),
            residuals: evidence.residuals.clone(),
        });
    }

    /// A closure speaks of copies that an earlier certificate names, and of no others.
    pub(super) fn closures(&mut self) {
        let all = &self.report.certificates;
        let mut unfounded = Vec::new();
        for closure in all.iter().filter(|certificate| certificate.kind == Kind::ResidualClosure) {
            let closed = match closure.relates_to.as_slice() {
                [Relation { certificate_id, relation: RelationKind::ClosesResidual }] => {
                    all.iter().find(|one| one.id == *certificate_id && one.log_index < closure.log_index)
                }
                _ => None,
            };
            let is_named = |residual: &Residual| {
                closed.is_some_and(|closed| closed.residuals.iter().any(|one| one.is_same_copy(residual)))
            };
            if !closure.residuals.iter().all(is_named) {
                unfounded.push(closure.path.clone());
            }
        }
        for path in unfounded {
            let message = "it speaks of remaining copies that no certificate before it names";
            self.report.error("closure_unfounded", path, message);
        }
    }

    /// The proof file as it must be.
    fn proof(&self, index: u64) -> Option<Vec<u8>> {
        let (size, note) = self.log.notes.range(index + 1..).next()?;
        let path = self.log.tree.path(index, *size)?;
        Some(proof_text(index, &path, note).into_bytes())
    }

    /// The plan was announced in the log before the certificate followed.
    fn intent(&mut self, verified: &VerifiedCertificate, log_index: u64, path: &ArchivePath) {
        let evidence = &verified.statement.predicate.evidence;
        let intent = self.log.places.get(&LogEntry::Intent(evidence.plan_digest)).copied();
        if intent != Some(evidence.intent_log_index) || evidence.intent_log_index >= log_index {
            let message = "its plan was not announced in the log where it says";
            self.report.error("intent_missing", path, message);
        }
        self.certified_plans.insert(evidence.plan_digest);
        self.named_policies.extend(evidence.policies.iter().map(|policy| policy.digest));
    }
}
