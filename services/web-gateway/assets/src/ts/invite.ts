// The invite's code stands behind the # of its link, so no server, proxy or log sees it. Here it goes into its field, and
// out of the address.

const code = document.querySelector<HTMLInputElement>("#code");
const given = location.hash.slice(1);
if (code && given) {
  code.value = given;
  history.replaceState(null, "", location.pathname + location.search);
  const empty = [...document.querySelectorAll<HTMLInputElement>("#username, #password")].find((field) => !field.value);
  empty?.focus();
}
