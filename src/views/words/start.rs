//! Words of `init`, `demo` and `grants`.

use super::messages;

messages! {
    INIT_MADE: "Projet créé dans {0}", "Project made in {0}";
    INIT_FINGERPRINT: "Empreinte des clés, à remettre aux auditeurs par une autre voie : {0}",
        "Fingerprint of the keys, to be given to auditors by another way: {0}";
    INIT_NEXT: "Ensuite", "Next";
    INIT_STEP_CHECK: "vérifie les documents ; passe tout de suite", "checks the documents; passes right away";
    INIT_STEP_EXAMPLE: "crée la petite base d'exemple", "makes the tiny example database";
    INIT_STEP_LIVE: "compare les documents à la base", "compares the documents with the database";
    INIT_STEP_PLAN: "dit ce qui est échu, sans rien modifier", "says what is due, changing nothing";
    INIT_STEP_EDIT: "Puis remplacer l'exemple par vos systèmes dans oubliette.yaml, data-map.yaml et policies/.",
        "Then replace the example by your own stores in oubliette.yaml, data-map.yaml and policies/.";
    INIT_KEEP_KEYS: "Garder keys/, state/ et sealed/ hors de tout dépôt public ; sauvegarder keys/.",
        "Keep keys/, state/ and sealed/ out of any public repository; back keys/ up.";

    GRANTS_HEADING: "Les droits dont chaque système a besoin, et aucun de plus. Rien n'est exécuté ici.",
        "The rights that each store needs, and none beyond them. Nothing is run here.";
    GRANTS_POSTGRES: "« {0} » (PostgreSQL, {1}) : deux rôles à la place de oubliette_reader et oubliette_writer. Pour passer VACUUM après une exécution, l'écrivain doit posséder les tables ; sinon c'est dit sur le certificat.",
        "'{0}' (PostgreSQL, {1}): two roles in the place of oubliette_reader and oubliette_writer. To run VACUUM after a run the writer must own the tables; otherwise the certificate says so.";
    GRANTS_MYSQL: "« {0} » (MySQL ou MariaDB, {1}) : deux comptes à la place de oubliette_reader et oubliette_writer.",
        "'{0}' (MySQL or MariaDB, {1}): two accounts in the place of oubliette_reader and oubliette_writer.";
    GRANTS_SQLITE: "« {0} » (SQLite, {1}) : le lecteur doit pouvoir lire le fichier et, en mode WAL, ses fichiers -wal et -shm ; l'écrivain doit pouvoir écrire le fichier et créer des fichiers dans son dossier.",
        "'{0}' (SQLite, {1}): the reader must be able to read the file and, in WAL mode, its -wal and -shm files; the writer must be able to write the file and to create files in its directory.";
    GRANTS_DIRECTORY: "« {0} » (dossier, {1}) : le lecteur doit pouvoir lister et lire les dossiers (r-x) et voir les fichiers ; l'écrivain doit en plus pouvoir écrire dans les dossiers, car effacer un fichier modifie son dossier.",
        "'{0}' (directory, {1}): the reader must be able to list and enter the directories (r-x) and see the files; the writer must also be able to write to the directories, because removing a file changes its directory.";
    GRANTS_S3: "« {0} » (compartiment S3, {1}) : une politique IAM pour le lecteur, puis une pour l'écrivain.",
        "'{0}' (S3 bucket, {1}): an IAM policy for the reader, then one for the writer.";
    GRANTS_ARCHIVE: "Les attestations (compartiment S3, {0}) : une politique IAM, sans droit de supprimer.",
        "The certificates (S3 bucket, {0}): an IAM policy, with no right to delete.";
    GRANTS_SEPARATE: "Donner au lecteur un compte sans droit d'écriture : un plan ne peut alors rien modifier, même par erreur.",
        "Give the reader an account that cannot write: then a plan can change nothing, even by mistake.";

    DEMO_WELCOME: "Une petite boutique française, du début à la fin. Tout se passe dans {0} ; les personnes sont inventées.",
        "A small French shop, from beginning to end. Everything happens in {0}; the people are invented.";
    DEMO_MADE: "La boutique : {0} enregistrements dans 9 tables, {1} fichiers dans un dossier.",
        "The shop: {0} records in 9 tables, {1} files in a directory.";
    DEMO_CHECK: "Les documents sont comparés à la base et au dossier.",
        "The documents are compared with the database and the directory.";
    DEMO_PLAN: "Qu'est-ce qui est échu ? Un plan ne fait que lire.", "What is due? A plan only reads.";
    DEMO_HOLD: "Un client est en litige : le service juridique gèle tout ce qui le concerne.",
        "A customer is in a dispute: the legal department holds everything about them.";
    DEMO_REPLAN: "Le premier plan est périmé par le gel ; le second en tient compte.",
        "The hold makes the first plan stale; the second one respects it.";
    DEMO_REFUSED: "Sans approbation, rien ne s'exécute.", "Without an approval nothing is carried out.";
    DEMO_APPROVE: "Une autre personne que l'auteur approuve exactement ce plan.",
        "Somebody other than the author approves exactly this plan.";
    DEMO_APPLY: "Le plan approuvé est exécuté, lot par lot, puis attesté.",
        "The approved plan is carried out, batch by batch, and certified.";
    DEMO_AGAIN: "Une seconde fois ? Un plan ne s'exécute qu'une fois.", "Once more? A plan is carried out only once.";
    DEMO_NOTHING_LEFT: "Que reste-t-il d'échu ? Ce qui est gelé ou indécidable est gardé.",
        "What is still due? What is held or undecidable is kept.";
    DEMO_VERIFY: "Un auditeur vérifie l'archive avec les seules clés publiques.",
        "An auditor verifies the archive with the public keys alone.";
    DEMO_COUNTS: "Avant et après, comptés par la base elle-même et par le système de fichiers :",
        "Before and after, counted by the database itself and by the file system:";
    DEMO_BEFORE: "avant", "before";
    DEMO_AFTER: "après", "after";
    DEMO_GONE: "partis", "gone";
    DEMO_RECEIPTS: "reçus (fichiers)", "receipts (files)";
    DEMO_NOTES: "bons de livraison (fichiers)", "delivery notes (files)";
    DEMO_ANONYMIZED: "comptes web anonymisés", "web accounts anonymized";
    DEMO_ANONYMIZED_INVOICES: "factures anonymisées", "invoices anonymized";
    DEMO_GOOD: "Terminé : l'archive est vérifiée.", "Done: the archive is verified.";
    DEMO_NOT_GOOD: "La démonstration n'a pas abouti.", "The demonstration did not succeed.";
    DEMO_LOOK: "À regarder", "Where to look";
    DEMO_LOOK_PAGE: "l'attestation, pour les personnes", "the certificate, for people";
    DEMO_LOOK_ARCHIVE: "l'archive que chacun peut vérifier", "the archive that anyone can verify";
    DEMO_LOOK_DOCUMENTS: "les politiques, lisibles par un juriste", "the policies, readable by a lawyer";
    DEMO_TRY: "À essayer, dans ce dossier", "To try, in that directory";
}
