// Opens reports in Chromium as a reader would, and says `ok …` for each thing that holds; ends with 1 at the first that does
// not. Pictures of what it saw are left beside the reports.
//
// usage: node check.mjs FOLDER CHROMIUM
import assert from 'node:assert/strict';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import AxeBuilder from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const [folder, executablePath] = process.argv.slice(2);
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });

let said = 0;
function ok(what) {
  said += 1;
  console.log(`ok ${said} - ${what}`);
}
const address = (name, hash = '') => pathToFileURL(path.join(folder, `${name}.html`)).href + hash;

// A page that must have no mistakes and must not reach out.
async function open(name, { hash = '', viewport = DESKTOP, colorScheme = 'light', ...more } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, ...more });
  const page = await context.newPage();
  page.mistakes = [];
  page.on('pageerror', (error) => page.mistakes.push(String(error)));
  page.on('console', (message) => { if (message.type() === 'error') { page.mistakes.push(message.text()); } });
  page.on('request', (request) => { if (!request.url().startsWith('file:')) { page.mistakes.push(`reaches out: ${request.url()}`); } });
  await page.goto(address(name, hash));
  return page;
}
async function close(page) {
  assert.deepEqual(page.mistakes, []);
  await page.context().close();
}
const picture = (page, name) => page.screenshot({ path: path.join(folder, `${name}.png`) });
async function axe(page, what) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  assert.deepEqual(serious.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(', ')}`), [], what);
  ok(`axe finds nothing serious: ${what}`);
}
// What an address or an opened story brings about comes with an event of the browser, after the click has returned.
async function becomes(what, wanted) {
  const deadline = Date.now() + 30_000;
  let now = await what();
  while (now !== wanted && Date.now() < deadline) {
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    now = await what();
  }
  assert.equal(now, wanted);
}
const shownRows = (page) => page.locator('#rows > tbody > tr:visible').count();
async function noSideways(page, what) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${what}: ${wide} pixels beyond the edge`);
  ok(`nothing stands beyond the edge: ${what}`);
}

// Quick with all cases.
{
  const page = await open('good');
  const timing = await page.evaluate(() => performance.getEntriesByType('navigation')[0].toJSON());
  console.log(`# opened in ${Math.round(timing.loadEventEnd)} ms`);
  const cases = await page.locator('#rows > tbody > tr').count();
  assert.ok(cases > 800, `${cases} cases`);
  assert.match(await page.locator('h1').innerText(), /^Conforms in all that was judged/);
  ok('a run that conforms says so');
  assert.equal(await page.locator('.seq').count(), 0);
  ok('nothing is drawn that nobody asked for');
  assert.equal(await page.locator('article').count(), await page.locator('#points article').count());
  ok('what passed has no card');
  await picture(page, 'good-desktop');
  await close(page);
}

// Filters, and addresses that hold them.
{
  const page = await open('bad');
  const all = await shownRows(page);
  await page.selectOption('#verdict', 'fail');
  const failed = await shownRows(page);
  assert.ok(failed > 0 && failed < all);
  assert.equal(new URLSearchParams(new URL(page.url()).hash.slice(2)).get('verdict'), 'fail');
  ok('a filter stands in the address');
  await page.selectOption('#verdict', '');
  await page.selectOption('#suite', 'im/revoke');
  const suite = await shownRows(page);
  await page.fill('#words', 'recipient is-told');
  assert.ok((await shownRows(page)) < suite);
  ok('words narrow a suite down');
  await page.reload();
  assert.equal(await page.inputValue('#words'), 'recipient is-told');
  assert.ok((await shownRows(page)) < suite);
  ok('the address brings the filter back');
  await page.fill('#words', '');
  await page.selectOption('#suite', '');
  assert.equal(new URL(page.url()).hash, '');
  assert.equal(await shownRows(page), all);
  ok('without a filter all is shown');
  await page.fill('#words', 'no case is called this');
  assert.equal(await shownRows(page), 0);
  assert.match(await page.locator('#shown').innerText(), /^0 \/ /);
  ok('a filter that nothing fits says 0');
  await close(page);

  const linked = await open('bad', { hash: '#?req=IM-REVOKE-01' });
  const about = await shownRows(linked);
  assert.ok(about > 0 && about < all);
  assert.equal(await linked.locator('#about-id').innerText(), 'IM-REVOKE-01');
  ok('a link to a requirement shows its cases');
  await linked.click('#all');
  assert.equal(await shownRows(linked), all);
  ok('and lets go of it');
  await linked.locator('ul.counts a').first().click();
  await becomes(() => linked.inputValue('#verdict'), 'pass');
  ok('a count leads to its cases');
  await close(linked);
}

// A case that failed.
{
  const page = await open('bad');
  const card = page.locator('#broken article').first();
  const id = await card.getAttribute('data-case');
  await close(page);
  const linked = await open('bad', { hash: `#case=${encodeURIComponent(id)}` });
  const there = linked.locator(`article[data-case="${id}"]`);
  assert.ok(await there.isVisible());
  await there.locator('.seq').waitFor();
  ok('a link to a case opens its story');
  assert.ok(await there.locator('.steps li.broken').isVisible());
  ok('the step that broke is marked');
  const broke = there.locator('.seq li.broke');
  assert.ok(await broke.first().isVisible());
  assert.match(await broke.first().innerText(), /expected: [\s\S]*came: /);
  ok('what was expected stands in the sequence where it did not come');
  assert.ok(await there.locator('.seq li.out .arrow').count() > 0 && await there.locator('.seq li.in .arrow').count() > 0);
  ok('frames go both ways');
  const times = await there.locator('.seq time').allInnerTexts();
  const numbers = times.map(parseFloat);
  assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
  ok('in the order of time');
  const sent = there.locator('.seq li.out button[aria-expanded]').filter({ hasText: 'CONNECT' }).first();
  await sent.focus();
  await linked.keyboard.press('Enter');
  assert.equal(await sent.getAttribute('aria-expanded'), 'true');
  assert.match(await there.locator('.frame').first().innerText(), /accept-version: 1\.2/);
  ok('a frame opens by the keyboard, with its headers');
  await there.locator('.frame button').first().click();
  const raw = await there.locator('.frame pre .ctl').allInnerTexts();
  assert.ok(raw.includes('NUL') && raw.includes('LF'));
  ok('its octets are shown, NUL and line ends with them');
  assert.match(await there.locator('code.command').innerText(), /^stompliance run .*--seed 7$/);
  ok('there is a command to run it again');
  await picture(linked, 'case-desktop');
  await there.locator('.seq').screenshot({ path: path.join(folder, 'sequence-desktop.png') });
  await close(linked);
}

// What was expected beside what came.
{
  const page = await open('bad');
  const sides = page.locator('table.sides').first();
  assert.match(await sides.locator('thead').innerText(), /Part\s+Expected\s+Came instead/);
  assert.ok(await sides.locator('tbody tr').count() > await sides.locator('tr.differs').count());
  assert.match(await sides.locator('tr.differs').first().innerText(), /✗/);
  ok('what was expected stands beside what came, and what differs is marked');
  await close(page);
}

// A case that passed, by the keyboard alone.
{
  const page = await open('good');
  const summary = page.locator('#rows details.story > summary').first();
  await summary.focus();
  await page.keyboard.press('Enter');
  await page.locator('#rows .seq').first().waitFor();
  ok('a case that passed is opened by the keyboard');
  const reached = new Set();
  await page.locator('body').press('Home');
  await page.evaluate(() => document.activeElement.blur());
  for (let at = 0; at < 12; at += 1) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => document.activeElement.tagName));
  }
  assert.ok(reached.has('A') && reached.has('BUTTON'));
  ok('the keyboard reaches links and buttons');
  await close(page);
}

// Dark, narrow, printed.
for (const [colorScheme, viewport, name] of [['light', DESKTOP, 'desktop'], ['dark', DESKTOP, 'dark'], ['light', PHONE, 'phone'], ['dark', PHONE, 'dark-phone']]) {
  const page = await open('small', { colorScheme, viewport });
  await picture(page, `summary-${name}`);
  await page.locator('#broken details.story > summary').first().click();
  await page.locator('.seq').first().waitFor();
  const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(colorScheme === 'dark', back !== 'rgb(255, 255, 255)', back);
  ok(`${name}: the colours are those that the reader likes`);
  await noSideways(page, name);
  await axe(page, name);
  await page.locator('.seq').first().scrollIntoViewIfNeeded();
  await picture(page, `case-${name}`);
  await close(page);
}
{
  const page = await open('bad');
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.locator('.filter').isVisible(), false);
  assert.ok(await page.locator('#broken article').first().isVisible());
  ok('printed, it leaves out what cannot be pressed');
  await close(page);
}

// Two languages.
{
  const page = await open('small');
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  await page.click('#language');
  assert.match(await page.locator('h1').innerText(), /^不符合:/);
  assert.equal(await page.locator('html').getAttribute('lang'), 'zh-Hans');
  assert.equal(await page.locator('#words').getAttribute('placeholder'), '筛选:文字、用例编号、要求');
  ok('the page speaks Chinese when it is told to');
  await picture(page, 'summary-zh');
  await page.locator('#broken details.story > summary').first().click();
  await page.locator('.seq').first().waitFor();
  assert.match(await page.locator('.steps').first().innerText(), /失败/);
  ok('stories as well');
  await axe(page, 'in Chinese');
  await page.click('#language');
  assert.match(await page.locator('h1').innerText(), /^Does not conform/);
  ok('and English again');
  await close(page);
}

// A hostile server.
{
  const page = await open('hostile');
  const cards = page.locator('#broken article');
  let stories = 0;
  for (let at = 0; at < await cards.count(); at += 1) {
    await cards.nth(at).evaluate((card) => { for (let up = card; up; up = up.parentElement) { if (up.tagName === 'DETAILS') { up.open = true; } } });
    const story = cards.nth(at).locator('details.story > summary');
    if (await story.count()) {
      await story.click();
      stories += 1;
    }
  }
  assert.ok(stories > 0);
  await becomes(() => page.locator('.seq').count(), stories);
  for (const button of await page.locator('.seq li > button').all()) { await button.click(); }
  for (const button of await page.locator('.frame button').all()) { await button.click(); }
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.equal(await page.locator('img').count(), 0);
  ok('nothing that a server says becomes markup or runs');
  assert.ok((await page.locator('.seq').first().innerText()).includes('<script>window.hit'));
  ok('it is shown as what it is');
  await close(page);
}

// Runs beside one another.
for (const [viewport, name] of [[DESKTOP, 'desktop'], [PHONE, 'phone']]) {
  const page = await open('compare', { viewport });
  assert.ok(await page.locator('table').first().isVisible());
  assert.ok((await page.locator('h2').allInnerTexts()).some((text) => /^Worse/.test(text)));
  ok(`${name}: a comparison says what got worse`);
  await noSideways(page, `comparison, ${name}`);
  await axe(page, `comparison, ${name}`);
  await picture(page, `compare-${name}`);
  await close(page);
}

await browser.close();
