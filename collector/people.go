package collector

// signInPage is where browsers without a session are sent; "" while there is no such page.
const signInPage = ""

// mountPeople adds what persons use: the inventory's API and the web pages. A page's
// policy goes into the table with env.Routes.Allow.
func mountPeople(Env) error {
	return nil
}
