//! What stays of a person, and until when: in the plan, on the certificate and in the letter.

use super::again::planned_in;
use super::{Project, erased, shop, verified};

/// The days on which the first and the last of the invoices may go that are not past their ten years.
fn two_invoices(project: &Project) -> [String; 2] {
    let year: u32 = project.sql("crm.db", "SELECT strftime('%Y', 'now');").parse().unwrap();
    let issued = year - 3;
    project.sql("billing.db", &format!("INSERT INTO invoices VALUES (5, '42', '{issued}-05-01', NULL);"));
    [format!("{}-05-02", issued + 10), format!("{}-05-02", year + 9)]
}

#[test]
fn the_first_and_the_last_day_of_what_is_kept_are_told() {
    let project = shop();
    let [first, last] = two_invoices(&project);
    let request = verified(&project, "email=jo@example.org", &[]);
    let page = project.run(&["--lang", "en", "erase", &request]).expect(0).stdout;
    assert!(
        page.contains(&format!("2 record(s) kept, the first until {first}, the last until {last}")),
        "{page}"
    );
    let (plan, statement) = erased(&project, &request, 0);
    let kept = plan["request"]["kept"].as_array().unwrap();
    let of = |records: u64| kept.iter().find(|one| one["records"] == records).unwrap();
    assert_eq!((&of(2)["first_on"], &of(2)["until_on"]), (&first.as_str().into(), &last.as_str().into()));
    // One day only is told as one, as before.
    assert!(of(1).get("first_on").is_none() && of(1)["until_on"] == last.as_str(), "{kept:?}");
    let targets = statement["evidence"]["targets"].as_array().unwrap();
    let invoices = targets.iter().find(|target| target["dataset"] == "billing.invoices").unwrap();
    let exception = &invoices["exceptions"][0];
    assert_eq!(
        (&exception["reviewFrom"], &exception["reviewOn"]),
        (&first.as_str().into(), &last.as_str().into())
    );
    let letter = project.run(&["--lang", "fr", "requests", "answer", &request]).expect(0).stdout;
    let said =
        format!("les premiers jusqu'au 2 mai {}, les derniers jusqu'au 2 mai {}", &first[..4], &last[..4]);
    assert!(letter.contains(&said), "{letter}");
    // The first goes when it may, and not with the last.
    let shown = project.run(&["--format", "json", "requests", "show", &request]).expect(0).json();
    assert_eq!(shown["next_on"], first.as_str());
    let until = format!("SELECT CAST(julianday('{first}') - julianday('now') AS INTEGER);");
    let days: u32 = project.sql("crm.db", &until).parse().unwrap();
    assert_eq!((planned_in(&project, days - 1), planned_in(&project, days + 2)), (0, 1));
}

/// A day such as 2026-11-26.
fn has_iso_date(text: &str) -> bool {
    let is_date = |window: &[u8]| {
        window.iter().enumerate().all(|(place, byte)| match place {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    };
    text.as_bytes().windows(10).any(is_date)
}

#[test]
fn what_keeps_is_said_in_words_and_days_are_written_as_people_do() {
    let project = shop();
    let request = verified(&project, "email=jo@example.org", &[]);
    let code = "[eu-gdpr:JustificationA17LegallyRequired]";
    for (language, words) in [
        ("fr", "conservés par obligation légale (RGPD art. 17(3)(b))"),
        ("en", "kept by a legal obligation (GDPR art. 17(3)(b))"),
    ] {
        let page = project.run(&["--lang", language, "erase", &request]).expect(0).stdout;
        assert!(page.contains(&format!("; {words} {code}")), "{page}");
    }
    erased(&project, &request, 0);
    let until = super::days(&project).1;
    for (language, words) in [("fr", "jusqu'au 2 mai"), ("en", "until 2 May")] {
        let letter = project.run(&["--lang", language, "requests", "answer", &request]).expect(0).stdout;
        assert!(letter.contains(&format!("{words} {}", &until[..4])), "{letter}");
        assert!(!has_iso_date(&letter), "{letter}");
    }
    let story = project.run(&["--lang", "fr", "requests", "show", &request]).expect(0).stdout;
    for said in [
        "fondement      les données ne sont plus nécessaires (RGPD, art. 17(1)(a)) [eu-gdpr:Justification",
        "Z  reçue\n",
        "Z  identité vérifiée : support: answered from the address on file\n",
        "Z  plan établi\n",
        "Z  exécution commencée\n",
        "Z  exécution finie, le reste attend\n",
    ] {
        assert!(story.contains(said), "{said} is not in\n{story}");
    }
}

#[test]
fn a_letter_has_the_titles_of_the_policies_also_of_what_was_not_reached() {
    let project = shop();
    std::fs::rename(project.path("billing.db"), project.path("away")).unwrap();
    let request = verified(&project, "email=jo@example.org", &[]);
    erased(&project, &request, 3);
    for (language, said) in [("fr", "Factures : système injoignable"), ("en", "Invoices: store out of reach")]
    {
        let letter = project.run(&["--lang", language, "requests", "answer", &request]).expect(0).stdout;
        assert!(letter.contains(&format!("  - {said}\n")) && !letter.contains("magasin"), "{letter}");
    }
}
