// Everything but the console. Islands listen on the document, so swapped content needs no new wiring.

import "htmx.org";

import { startActions } from "./actions";
import { startCombobox } from "./combobox";
import { startDialogs } from "./dialogs";
import { startForms } from "./forms";
import { startJobPage } from "./joblog";
import { startKeys } from "./keys";
import { startLists } from "./lists";
import { refresh, startLive } from "./live";
import { startTheme } from "./theme";
import { startTime } from "./time";

startTheme();
startTime();
// Checks come before actions: what is not valid is not sent.
startForms();
startActions();
startDialogs();
startKeys();
startLists();
startCombobox();
startLive();
startJobPage();
document.addEventListener("gwm:refresh", (event) => refresh((event as CustomEvent<string>).detail));
