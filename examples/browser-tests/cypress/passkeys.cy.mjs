describe("passkeys on a key on the bus", () => {
  beforeEach(() => void cy.task("plugIn"));
  afterEach(() => void cy.task("unplug"));

  it("makes one and signs in", () => {
    cy.visit("/");
    cy.get("#register").click();
    cy.task("touch");
    cy.get("#outcome", { timeout: 60_000 }).should("have.text", "ada has a passkey");
    cy.get("#sign-in").click();
    cy.task("touch");
    cy.get("#outcome", { timeout: 60_000 }).should("have.text", "ada is signed in");
  });
});
