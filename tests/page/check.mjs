// Looks at the page in a browser:
//   node check.mjs MODULES ENTRANCE PATIENTS SHOTS FILE
// MODULES is the folder that `fetch` filled, ENTRANCE the one-time address, PATIENTS a JSON list of
// texts that must appear nowhere, SHOTS a folder for screenshots, FILE a picture to upload. Writes
// `upload` to standard output when it wants another picture, and ends with `ok`.
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const [modules, entrance, patients, shots, file] = process.argv.slice(2);
const require = createRequire(modules + "/package.json");
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const hidden = JSON.parse(readFileSync(patients, "utf8"));
const base = new URL(entrance).origin;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
const problems = [];
const addresses = [];

// A short number of a patient's may be in a digest or a token by chance, so it counts as a word.
const words = hidden.map((part) => {
  const plain = part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return /^\d+$/.test(part) ? new RegExp(`(?<![0-9a-z])${plain}(?![0-9a-z])`, "i") : new RegExp(plain);
});
const ofPatient = (text) => words.map((word) => text.match(word)?.[0]).find((part) => part);
assert.equal(ofPatient(`a_${hidden[0]}_b`), hidden[0]);
assert(hidden.every((part) => ofPatient(`<p>x_${part}_1</p>`)));

const watch = (page) => {
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => addresses.push(request.url()));
};

const checkAccess = async (page, name) => {
  await page.evaluate(axe);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const result = await page.evaluate((tags) => axe.run(document, { runOnly: tags }), tags);
  const found = result.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(found, [], `axe on ${name}`);
};

const checkText = async (page, name) => {
  const text = (await page.content()) + (await page.title()) + page.url();
  assert.equal(ofPatient(text), undefined, `${name} shows a patient's text`);
};

const loaded = (page) =>
  page.waitForFunction(() => {
    const seen = [...document.images].filter((one) => one.getBoundingClientRect().top < innerHeight);
    return seen.every((one) => one.complete && one.naturalWidth > 0);
  });

// All requests and responses of the person's browser, as somebody could save and send them.
const har = `${shots}/page.har`;
const checkHar = (name) => {
  const { entries } = JSON.parse(readFileSync(har, "utf8")).log;
  let texts = 0;
  for (const { request, response } of entries) {
    const { content } = response;
    const isText = /^(text|application)/.test(content.mimeType) && content.text !== undefined;
    const body = isText ? Buffer.from(content.text, content.encoding ?? "utf8").toString() : "";
    // An upload's form has the file's own name: that is the person's.
    const sent = request.url === base + "/upload" ? "" : (request.postData?.text ?? "");
    const heads = JSON.stringify([request.headers, response.headers, response.redirectURL]);
    for (const text of [request.url, decodeURIComponent(request.url), sent, body, heads]) {
      assert.equal(ofPatient(text), undefined, `${name}: ${request.url} has a patient's text`);
    }
    if (body) texts += 1;
  }
  assert(entries.length > 100 && texts > 30, `${entries.length} requests, ${texts} texts`);
  return entries.length;
};

// The one-time address works, and once.
const first = await browser.newContext({ recordHar: { path: har, content: "embed" } });
const page = await first.newPage();
watch(page);
await page.goto(entrance);
assert.equal(page.url(), base + "/");
const [cookie] = await first.cookies();
assert.equal(cookie.name, "__Host-xray");
assert(cookie.secure && cookie.httpOnly && cookie.sameSite === "Strict" && cookie.path === "/", "the cookie");
const state = await first.storageState();
const again = await browser.newContext();
const replay = await again.newPage();
assert.equal((await replay.goto(entrance)).status(), 403);
await checkAccess(replay, "a used address");
await again.close();
console.log("one-time address: works once, cookie __Host-, Secure, HttpOnly, SameSite=Strict");

await page.goto(base + "/review");
const copy = await page.locator(".time a").first().getAttribute("href");
await page.goto(base + "/");

// Every view in both themes and at each width; 640 at twice the density is 1,280 at 200 %.
let views = 0;
for (const colorScheme of ["light", "dark"]) {
  for (const [width, height, deviceScaleFactor] of [[1280, 900, 1], [390, 844, 2], [640, 450, 2]]) {
    const context = await browser.newContext({
      storageState: state, colorScheme, viewport: { width, height }, deviceScaleFactor,
    });
    for (const [name, path] of [
      ["live", "/"], ["event", "/event/2"], ["queue", "/review"], ["copy", copy], ["upload", "/upload"], ["missing", "/nothing"],
    ]) {
      const view = await context.newPage();
      if (name !== "missing") watch(view);
      await view.goto(base + path);
      await loaded(view);
      if (name === "live") await view.waitForSelector("#dot.live");
      const overflow = await view.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert(overflow <= 0, `${name} at ${width} scrolls sideways by ${overflow}`);
      await checkAccess(view, `${name}, ${colorScheme}, ${width}`);
      await checkText(view, name);
      await view.screenshot({ path: `${shots}/${name}-${colorScheme}-${width}.png` });
      if (name === "copy") {
        await view.keyboard.press("c");
        await view.locator("#add").click();
        const wider = await view.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert(wider <= 0, `drawing at ${width} scrolls sideways by ${wider}`);
        await checkAccess(view, `drawing, ${colorScheme}, ${width}`);
        await view.screenshot({ path: `${shots}/drawing-${colorScheme}-${width}.png`, fullPage: true });
        views += 1;
      }
      await view.close();
      views += 1;
    }
    await context.close();
  }
  const context = await browser.newContext({ colorScheme });
  const view = await context.newPage();
  await view.goto(base + "/");
  assert.equal(view.url(), base + "/login");
  await checkAccess(view, `sign-in, ${colorScheme}`);
  await view.screenshot({ path: `${shots}/sign-in-${colorScheme}-1280.png` });
  await context.close();
  views += 1;
}
console.log(`${views} views: no axe violation, no sideways scrolling, nothing of a patient`);

// A new event appears by itself; a pause holds it back. All by keyboard.
const count = () => page.locator("#rows > li").count();
const before = await count();
await page.waitForSelector("#dot.live");
await page.keyboard.press("Tab");
assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
for (let i = 0; i < 20 && (await page.evaluate(() => document.activeElement.id)) !== "pause"; i++) {
  await page.keyboard.press("Tab");
}
assert.equal(await page.evaluate(() => document.activeElement.id), "pause");
const started = Date.now();
console.log("upload");
await page.waitForFunction((n) => document.querySelectorAll("#rows > li").length > n, before);
console.log(`a picture is on the page ${Date.now() - started} ms after it was asked for`);
await page.keyboard.press("Enter");
await page.waitForFunction(() => document.getElementById("pause").getAttribute("aria-pressed") === "true");
const paused = await count();
console.log("upload");
await page.waitForFunction(() => document.getElementById("state").textContent === "Paused, 1 new");
assert.equal(await count(), paused);
await checkAccess(page, "paused");
await page.keyboard.press("Enter");
await page.waitForFunction((n) => document.querySelectorAll("#rows > li").length > n, paused);
await page.keyboard.press("Tab");
await page.keyboard.press("Enter");
await page.waitForURL(base + "/event/*");
await page.goBack();
console.log("live: new rows appear, pause and links work by keyboard");

// Without JavaScript everything can be read.
const plain = await browser.newContext({ storageState: state, javaScriptEnabled: false });
const still = await plain.newPage();
await still.goto(base + "/");
assert.equal(await still.locator("#rows > li").count(), await count());
assert(await still.locator("#pause").isHidden());
await still.locator("#rows a[href^='/event/']").first().click();
assert(still.url().startsWith(base + "/event/"));
await plain.close();
console.log("without JavaScript: rows and events can be read");

// The review, all by keyboard: the view, then each decision, and the pictures without waiting.
const style = (name) => page.locator("#copy").evaluate((one, name) => one.style[name], name);
const title = () => page.locator("h1").textContent();
const other = (last) => page.waitForFunction((last) => document.querySelector("h1").textContent !== last, last);
await page.goto(base + "/review");
const waiting = await page.locator("#main li.event").count();
assert(waiting >= 6, `${waiting} copies wait`);
await page.getByRole("button", { name: "Look at the oldest" }).press("Enter");
await page.waitForURL(base + "/review/*");
await page.waitForSelector("#tools:not([hidden])");
await page.keyboard.press("+");
assert.match(await style("transform"), /scale\(1\.5\)/);
await page.locator("#glass").focus();
await page.keyboard.press("ArrowLeft");
assert.match(await style("transform"), /translate\(60px/);
await page.keyboard.press("]");
await page.keyboard.press("i");
assert.match(await style("filter"), /brightness\(1\.4\) invert\(1\)/);
await page.keyboard.press("b");
assert(await page.locator("#source").isVisible() && !(await page.locator("#copy").isVisible()), "before");
await loaded(page);
await checkAccess(page, "a copy, enlarged");
await page.keyboard.press("b");
await page.keyboard.press("0");
assert.match(await style("transform"), /scale\(1\)/);

// Cover more: a box by pointer, one by keyboard, and what comes of them.
await page.keyboard.press("c");
await page.waitForSelector("#covering:not([hidden])");
const drawn = () => page.locator("#boxes li").count();
const place = await page.locator("#glass").boundingBox();
const [middle, center] = [place.x + place.width / 2, place.y + place.height / 2];
await page.mouse.move(middle - 40, center - 30);
await page.mouse.down();
await page.mouse.move(middle + 40, center + 20, { steps: 4 });
await page.mouse.up();
assert.equal(await drawn(), 1);
await page.locator("#add").press("Enter");
assert.equal(await drawn(), 2);
const focused = async () => {
  const text = await page.evaluate(() => document.activeElement.textContent);
  return text.match(/^Box 2: (\d+) × (\d+) at (\d+), (\d+)$/).slice(1).map(Number);
};
const first_at = await focused();
for (const key of ["ArrowLeft", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowUp"]) await page.keyboard.press(key);
const then_at = await focused();
assert(then_at[2] < first_at[2] && then_at[3] > first_at[3], "arrow keys move a box");
assert(then_at[0] > first_at[0] && then_at[1] < first_at[1], "with Shift they size it");
assert(await page.locator("#release").isDisabled(), "boxes that are not covered yet could be released");
const open = await title();
await page.keyboard.press("r");
await page.waitForTimeout(200);
assert.equal(await title(), open);
await page.locator("#add").press("Enter");
assert.equal(await drawn(), 3);
await page.keyboard.press("Delete");
assert.equal(await drawn(), 2);
await page.locator("#add").press("Enter");
await page.getByRole("button", { name: "Remove box 3" }).press("Enter");
assert.equal(await drawn(), 2);
await checkAccess(page, "boxes that are drawn");
await page.screenshot({ path: `${shots}/boxes-light-1280.png` });
const field = await page.locator("#box-field").inputValue();
await page.locator("#apply").press("Enter");
await page.waitForFunction(() => document.getElementById("main").textContent.includes("Covered further"));
assert.equal(await title(), open);
const levels = await page.evaluate(async (field) => {
  const copy = document.getElementById("copy");
  await copy.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [copy.naturalWidth, copy.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(copy, 0, 0);
  const middles = field.split(";").map((box) => box.split(",").map(Number));
  return middles.map(([x, y, w, h]) => context.getImageData(x + w / 2, y + h / 2, 1, 1).data[0]);
}, field);
assert(levels.length === 2 && levels.every((level) => level < 4), `the boxes are not covered: ${levels}`);
await checkAccess(page, "a copy that was covered further");
await page.screenshot({ path: `${shots}/covered-light-1280.png` });
console.log("cover more: boxes by pointer and by keyboard are covered");

const one = await title();
await page.keyboard.press("s");
await other(one);
const two = await title();
await page.keyboard.press("x");
await page.waitForSelector(".undo");
await other(two);
// The next picture was loaded while this one was looked at.
const there = await page.evaluate(() => document.getElementById("copy").decode().then(() => "loaded"));
assert.equal(there, "loaded");
await checkAccess(page, "a decision that can be undone");
await checkText(page, "a copy");
await page.screenshot({ path: `${shots}/undo-light-1280.png` });
await page.keyboard.press("u");
await page.waitForFunction((last) => document.querySelector("h1").textContent === last, two);
assert.equal(await page.locator(".undo").count(), 0);
await loaded(page);
// A key that is held down decides once, and with two decisions the last one is undone first.
await page.keyboard.down("r");
await other(two);
await loaded(page);
const four = await title();
await page.keyboard.down("r");
await page.waitForTimeout(300);
assert.equal(await title(), four, "a key that is held down decides again");
await page.keyboard.up("r");
await page.keyboard.press("x");
await other(four);
assert.equal(await page.locator(".undo").count(), 2);
assert.equal(await page.locator("#undo").count(), 1);
await page.keyboard.press("u");
await page.waitForFunction((last) => document.querySelector("h1").textContent === last, four);
await loaded(page);
await page.locator("#keys").uncheck();
const third = await title();
await page.locator("#main").focus();
await page.keyboard.press("x");
await page.waitForTimeout(200);
assert.equal(await title(), third, "keys that are off decide");
await page.locator("#keys").check();
// Leaving ends the time; without JavaScript, forms decide.
await page.goto(base + "/");
await page.waitForSelector("#dot.live");
await loaded(page);
await page.screenshot({ path: `${shots}/decided-light-1280.png` });
const forms = await browser.newContext({ storageState: state, javaScriptEnabled: false });
const sheet = await forms.newPage();
for (let i = 0; i < 50; i++) {
  await sheet.goto(base + "/review");
  if (!(await sheet.content()).includes("about to take effect")) break;
  await sheet.waitForTimeout(100);
}
assert.equal(await sheet.locator("#main li.event").count(), waiting - 1);
await sheet.getByRole("button", { name: "Look at the oldest" }).click();
await sheet.getByRole("button", { name: "Reject: remove it" }).click();
await sheet.getByRole("button", { name: "Undo" }).click();
await sheet.getByRole("button", { name: "Skip" }).click();
await sheet.getByRole("button", { name: "Release: it is clean" }).click();
await sheet.goto(base + "/review");
assert.equal(await sheet.locator("#main li.event").count(), waiting - 2);
await forms.close();
console.log("review: zoom, brightness, before, skip, reject, undo and release by keyboard, and by forms alone");

// A picture that does not load can't be released, neither by key nor by button.
const blind = await (await browser.newContext({ storageState: state })).newPage();
await blind.route("**/copy?*", (route) => route.abort());
await blind.goto(base + "/review");
await blind.locator(".time a").first().click();
await blind.waitForSelector("#tools:not([hidden])");
const unseen = await blind.locator("h1").textContent();
assert(await blind.locator("#release").isDisabled(), "a picture that was not loaded can be released");
await blind.keyboard.press("r");
await blind.waitForTimeout(300);
assert.equal(await blind.locator("h1").textContent(), unseen);
assert(await blind.locator("#reject").isEnabled());
await blind.unroute("**/copy?*");
await blind.reload();
await blind.waitForFunction(() => !document.getElementById("release").disabled);
await blind.context().close();
console.log("release: only of a picture that was loaded, and once for a key that is held down");

// Upload, by keyboard: the file's own name, which may hold a patient's, goes nowhere.
await page.goto(base + "/");
const uploaded = await count();
await page.getByRole("link", { name: "Upload" }).press("Enter");
await page.waitForURL(base + "/upload");
const named = { name: hidden[0] + ".jpeg", mimeType: "image/jpeg", buffer: readFileSync(file) };
await page.locator("#file").setInputFiles(named);
await page.keyboard.press("Tab");
await page.locator("#file").focus();
await page.keyboard.press("Tab");
assert.equal(await page.evaluate(() => document.activeElement.textContent), "Upload");
await page.keyboard.press("Enter");
await page.waitForURL(base + "/upload?stored");
await checkAccess(page, "a picture that was stored");
await checkText(page, "an upload");
await page.screenshot({ path: `${shots}/stored-light-1280.png` });
await page.locator("main a").press("Enter");
await page.waitForFunction((n) => document.querySelectorAll("#rows > li").length > n, uploaded);
await loaded(page);
await checkText(page, "the live view after an upload");
const wrong = await first.newPage();
await wrong.goto(base + "/upload");
await wrong.locator("#file").setInputFiles({ name: hidden[0] + ".tif", mimeType: "image/jpeg", buffer: Buffer.from("II*\0") });
await wrong.locator("main button").press("Enter");
await wrong.waitForSelector(".problem");
assert.match(await wrong.locator(".problem").textContent(), /a TIFF; convert it to PNG/);
await checkAccess(wrong, "a file that was refused");
await checkText(wrong, "a refused upload");
await wrong.screenshot({ path: `${shots}/refused-light-1280.png` });
await wrong.close();
const forms_only = await (await browser.newContext({ storageState: state, javaScriptEnabled: false })).newPage();
await forms_only.goto(base + "/upload");
await forms_only.locator("#file").setInputFiles(named);
await forms_only.locator("main button").click();
assert.equal(forms_only.url(), base + "/upload?stored");
await forms_only.context().close();
console.log("upload: by keyboard, and by a form alone; the file's name goes nowhere");

// Another site gets nothing, with the person's cookies in its browser.
const cookies = [];
const site = createServer((request, response) => {
  cookies.push(request.headers.cookie ?? "");
  response.setHeader("content-type", "text/html");
  response.end("<!doctype html><title>other</title><p>other");
});
await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
const own = new URL(base).hostname;
assert(own.endsWith(".localhost"), own);
const port = site.address().port;
for (const host of ["127.0.0.1", "localhost", "other.localhost"]) {
  const evil = await first.newPage();
  await evil.goto(`http://${host}:${port}/`);
  const got = await evil.evaluate(async ([base, copy]) => {
    const image = (path) =>
      new Promise((resolve) => {
        const one = new Image();
        one.onload = () => resolve(one.naturalWidth);
        one.onerror = () => resolve(0);
        one.src = base + path;
      });
    const fetched = async (path, options) => {
      try {
        const response = await fetch(base + path, { credentials: "include", ...options });
        return response.type === "opaque" ? "opaque" : (await response.text()).length;
      } catch {
        return "refused";
      }
    };
    return {
      pixels: await image("/picture/1/quarantined") + await image(copy + "/copy") + await image("/picture/1/source") + await image("/assets/icon.svg"),
      read: await fetched("/"),
      posted: await fetched("/logout", { method: "POST", mode: "no-cors" }),
    };
  }, [base, copy]);
  assert.equal(got.pixels, 0);
  assert.equal(got.read, "refused");
  await evil.setContent(`<iframe src="${base}/"></iframe><form method="post" action="${base}/logout"><button>x</button></form>`);
  await evil.waitForTimeout(300);
  const frame = evil.frames().find((one) => one.url().startsWith(base));
  assert(!frame || !(await frame.content()).includes("Event 1"), "the page is in a frame");
  await evil.click("button");
  await evil.waitForLoadState();
  assert((await evil.textContent("body")).includes("another site"), "a form of another site was taken");
  await evil.close();
}
// The cookie belongs to the page's host name, which other servers of this machine can't know.
assert(cookies.length >= 3 && cookies.every((cookie) => cookie === ""), `cookies: ${cookies}`);
for (const host of ["127.0.0.1", "localhost"]) {
  const response = await first.request.get(`http://${host}:${new URL(base).port}/`);
  assert.equal(response.status(), 421, `the page has the name ${host} too`);
}
site.close();
assert.equal((await page.goto(base + "/")).status(), 200);
assert.equal(page.url(), base + "/", "another site has signed the person out");
console.log("another site: no cookie, no pixel, no text, no frame, no form");

// Signing out ends the stream and the pictures.
const [picture] = await page.locator("#rows img").evaluateAll((all) => all.map((one) => one.src));
const second = await first.newPage();
await second.goto(base + "/");
await second.waitForSelector("#dot.live");
await page.getByRole("button", { name: "Sign out" }).click();
await page.waitForURL(base + "/login");
await second.waitForURL(base + "/login", { timeout: 15000 });
// By the browser, which alone resolves the page's name.
const last = await first.newPage();
await last.goto(base + "/login");
assert.equal(await last.evaluate((picture) => fetch(picture).then((response) => response.status), picture), 401);
console.log("sign out: the open view and its pictures end");

for (const address of addresses) {
  assert.equal(ofPatient(decodeURIComponent(address)), undefined, "an address holds a patient's text");
}
assert.deepEqual(problems, [], "errors in the browser's console");
await first.close();
console.log(`HAR: nothing of a patient in ${checkHar("the HAR")} requests`);
await browser.close();
console.log("ok");
