//! What is said of how the program is seen from outside: notices and their receivers (floor 8).

use super::messages;

messages! {
    NOTIFY_DELIVERED: "{0} ({1}) : reçu", "{0} ({1}): delivered";
    NOTIFY_FAILED: "{0} : PAS reçu. Détail, en anglais : {1}", "{0}: NOT delivered: {1}";
}
