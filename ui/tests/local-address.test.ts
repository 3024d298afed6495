import { expect, it } from "vitest";
import { localAddress } from "../src/common/local-address";

const HERE = "https://desk.example";

it.each(["/hanok/admin", "/hanok/admin?date=2026-12-01", "/"])("%s is an address of this site", (wanted) => {
  expect(localAddress(wanted, HERE)).toBe(HERE + wanted);
});

it.each([
  null,
  "",
  "//evil.example",
  "https://evil.example/",
  "/\\evil.example",
  "javascript:alert(1)",
  "http://[",
  "/.//evil.example",
])("%s leads nowhere else", (wanted) => {
  expect(new URL(localAddress(wanted, HERE)).host).toBe("desk.example");
  expect(localAddress(wanted, HERE).startsWith(`${HERE}/`)).toBe(true);
});
