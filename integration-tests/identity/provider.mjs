// A real OpenID provider whose people sign in without being asked: `GET /be/NAME` says who sits at the browser, `nobody`
// is somebody who cancels. node provider.mjs '{"clients": [..], "people": {"NAME": {claims}}}' prints its issuer.
import http from "node:http";
import Provider from "oidc-provider";

const { clients, people } = JSON.parse(process.argv[2]);
let who = "nobody";
let provider;

async function interact(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  let result;
  if (who === "nobody") {
    result = { error: "access_denied", error_description: "cancelled" };
  } else if (prompt.name === "login") {
    result = { login: { accountId: who } };
  } else {
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    result = { consent: { grantId: await grant.save() } };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

const server = http.createServer((request, response) => {
  if (request.url.startsWith("/be/")) {
    who = request.url.slice("/be/".length);
    response.end();
  } else if (request.url.startsWith("/interaction/")) {
    interact(request, response).catch((error) => {
      console.error(error);
      response.writeHead(500).end();
    });
  } else {
    provider.callback()(request, response);
  }
});

server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  provider = new Provider(issuer, {
    clients,
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
    cookies: { keys: ["tests"] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
  });
  console.log(`issuer ${issuer}`);
});
