//! Words of `locate` and `export` (floor 8).

use super::messages;

messages! {
    FOUND: "{0} : {1} enregistrement(s) de la personne, {2} partagé(s) avec d'autres",
        "{0}: {1} record(s) of the person, {2} shared with others";
    KEPT: "Cette consultation est consignée dans le registre sous {0}.", "This look is kept in the ledger as {0}.";
    EXPORTED: "{0} enregistrement(s) écrit(s) dans {1}, lisible par son seul propriétaire. Consultation consignée sous {2}.",
        "{0} record(s) written to {1}, which only its owner can read. The look is kept as {2}.";
    INCOMPLETE: "INCOMPLET : {0} n'a pas pu être lu.", "INCOMPLETE: {0} could not be read.";
    NOBODY: "Personne n'a été cherché.", "Nobody was looked for.";
    COLUMN_LOOK: "consultation", "look";
    COLUMN_AT: "le", "at";
    COLUMN_KIND: "objet", "what";
    COLUMN_WHO: "par", "who";
    COLUMN_WHY: "motif", "why";
    COLUMN_RECORDS: "enregistrements", "records";
    KIND_LOCATE: "comptage", "counted";
    KIND_EXPORT: "copie", "copied";
    ABOUT: "Copie des données personnelles que nous détenons sur vous (RGPD, art. 15 et 20). « searched » dit où nous avons cherché et combien d'enregistrements nous y avons trouvés ; « rules » dit pourquoi et combien de temps nous gardons chaque sorte d'enregistrement. Dans un enregistrement partagé avec une autre personne, les colonnes qui peuvent parler d'elle sont seulement nommées (« left_out », art. 15(4)). Des fichiers, seul ce que nous en savons est indiqué, non leur contenu. Vous pouvez demander la rectification, l'effacement ou la limitation de ces données, vous opposer à leur traitement, et saisir l'autorité de protection des données de votre pays (en France, la CNIL, www.cnil.fr).",
        "A copy of the personal data that we hold about you (GDPR art. 15 and 20). \"searched\" says where we looked and how many records we found there; \"rules\" says why and how long we keep each kind of record. In a record that is shared with another person, the columns that may be about them are only named (\"left_out\", art. 15(4)). Of files, what we know of them is given, not their content. You can ask that these data are rectified, erased or restricted, object to their processing, and complain to the data protection authority of your country (in France the CNIL, www.cnil.fr).";
}
